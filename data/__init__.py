"""Files to batches: everything that is read, cut into documents and examples, and made into tensors."""
