"""The commands of ``python -m bert``, a file for each."""
