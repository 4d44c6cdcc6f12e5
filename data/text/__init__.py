"""From files of text to documents, and from documents to sentences."""
