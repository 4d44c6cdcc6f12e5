"""The tasks that BERT is fine-tuned for: a folder for each kind, and a table of all kinds (``kinds.py``)."""
