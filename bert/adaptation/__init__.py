"""Adapts a BERT with few trained parameters. Each method wraps a model from outside; the body stays frozen."""
