"""Errors that the user can mend.

A wrong file, flag or checkpoint raises an ``InputError``. Its message is one sentence: what was found, what was
expected, and what to do. The scripts print it without a traceback and exit with code 2. Any other exception is a
bug of ours and keeps its traceback.
"""

import os


class InputError(ValueError):
    """Bad input from outside the program; the message is for the user."""


def speaks_for_this_machine() -> bool:
    """Whether this process prints errors that are found before the processes are connected.

    One process of each machine does: torchrun gives it LOCAL_RANK 0. The others exit silently, with the same code.
    """
    return os.environ.get("LOCAL_RANK", "0") == "0"
