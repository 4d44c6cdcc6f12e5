"""BERT in NumPy, written out in float64.

Nothing here is fast. It shares nothing with the rooms that it checks.
"""
