"""Errors that the user can mend.

Everything that a file, a flag or a checkpoint can get wrong is raised as an ``InputError``, whose
message is one sentence: what was found, where, what was expected, and what to do. The scripts print
it without a traceback and exit with code 2. Any other exception is a mistake of ours and keeps its
traceback.
"""


class InputError(ValueError):
    """Bad input from outside the program: its message is meant for the user, as it stands."""
