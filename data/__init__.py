"""Files to batches: read text, cut it into documents and examples, and make tensors."""
