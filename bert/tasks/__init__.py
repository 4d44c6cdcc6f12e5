"""What BERT is fine-tuned for: a folder for each kind of task, a table of all kinds (``kinds.py``), and what they share."""
