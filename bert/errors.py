"""Errors that the user can mend.

Everything that a file, a flag or a checkpoint can get wrong is raised as an ``InputError``, whose
message is one sentence: what was found, where, what was expected, and what to do. The scripts print
it without a traceback and exit with code 2. Any other exception is a mistake of ours and keeps its
traceback.
"""

import os


class InputError(ValueError):
    """Bad input from outside the program: its message is meant for the user, as it stands."""


def speaks_for_this_machine() -> bool:
    """Whether this process prints the errors that are found before the processes are connected: the first of each
    machine does (torchrun gives it the LOCAL_RANK 0). The others exit silently, with the same code.
    """
    return os.environ.get("LOCAL_RANK", "0") == "0"
