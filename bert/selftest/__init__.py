"""Checks every part of BERT.

The oracles are equations in NumPy, finite differences, plain forms, and other files.
"""
