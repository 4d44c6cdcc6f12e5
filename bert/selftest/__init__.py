"""A check of every part of BERT: against its equations in NumPy, finite differences, plain forms and other files."""
