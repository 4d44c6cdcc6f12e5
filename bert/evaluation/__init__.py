"""How good predictions are, in numbers and on a page. Knows no model and no file format of data."""
