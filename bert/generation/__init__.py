"""Text from text: BERT's encoder, a decoder beside it, and how the decoder writes."""
