"""The tasks that BERT is fine-tuned for. Each kind has a folder, and ``kinds.py`` has a row for it."""
