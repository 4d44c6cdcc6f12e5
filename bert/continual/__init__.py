"""Continual learning: new data on a model that is to keep what it has learned from earlier data."""
