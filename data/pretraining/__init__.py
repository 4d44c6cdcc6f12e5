"""From a corpus of plain text to masked batches for pretraining."""
