"""A trained BERT as one HTML file.

Its page runs the model in the reader's browser.
"""
