"""Questions whose answers are parts of a text (SQuAD)."""
