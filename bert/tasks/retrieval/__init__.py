"""Queries and the texts that answer them: what a search learns from."""
