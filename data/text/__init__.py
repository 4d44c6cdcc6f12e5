"""Text files to documents, and documents to sentences."""
