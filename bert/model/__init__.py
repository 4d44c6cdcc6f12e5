"""The paper's figure, bottom to top: embeddings, attention, feed-forward, encoder, and the whole."""
