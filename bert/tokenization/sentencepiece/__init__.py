"""SentencePiece (Kudo & Richardson 2018): the other tokenizer, in our own code."""
