"""Adapts a BERT with few trained parameters: each method wraps a model from outside, and the body stays frozen."""
