"""The tokenized corpus: made once from the text, and then read as if it were in memory."""
