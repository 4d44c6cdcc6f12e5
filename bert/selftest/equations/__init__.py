"""BERT in NumPy, written out in float64: nothing here is fast, and nothing is shared with the rooms that it checks."""
