"""The tokenized corpus: made once from the text, then read as if it were in memory."""
