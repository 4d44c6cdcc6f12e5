"""Files to batches: documents, sentences, examples and tensors."""
