"""An encoder and a decoder: outputs in words of their own, such as translations and summaries."""
