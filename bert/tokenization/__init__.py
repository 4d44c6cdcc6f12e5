"""From text to ids and back; no PyTorch here."""
