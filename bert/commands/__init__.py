"""What ``python -m bert`` does: one file for each command."""
