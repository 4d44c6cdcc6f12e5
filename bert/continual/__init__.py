"""Continual learning: new tasks for a model that must keep what it could."""
