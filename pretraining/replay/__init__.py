"""``python -m bert replay``: an update of a finished run, computed again, to look into it."""
