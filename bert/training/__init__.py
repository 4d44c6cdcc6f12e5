"""Batches -> updates. Knows no task and no file format of data: a model says which losses it has."""
