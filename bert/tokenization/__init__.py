"""Text to ids and back: WordPiece, written out, and a reader of SentencePiece's models."""
