"""From a tokenized corpus to masked batches for pretraining."""
