"""Continual learning: a model learns new data. It should keep what it knows."""
