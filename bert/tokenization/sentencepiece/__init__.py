"""The other tokenizer: SentencePiece (Kudo & Richardson 2018), read and applied by our own code."""
