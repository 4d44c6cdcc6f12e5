"""``bert replay``: an update of a pretraining run, computed again.

What makes a pretraining run is in the clone, and the installed package lacks it. So it is found by name.
"""

import importlib.util
from importlib import import_module
from typing import Any

from bert.errors import InputError

COMMAND = "pretraining.replay.command"


def replay(directory: str, update: int, with_texts: bool, file: str | None, check: bool, device: str) -> int:
    """Computes the update and prints it. Returns the exit code: 1 if a number differs from what the run has kept.

    The arguments are those of ``pretraining.replay.command.run``.

    Raises an InputError if the update cannot be computed, or if this is not the clone.
    """
    if not has_pretraining():
        raise InputError("replay computes as train_pretrain.py does, and that is in the clone: run it there")
    command: Any = import_module(COMMAND)
    return command.run(directory, update, with_texts, file, check, device)


def has_pretraining() -> bool:
    """Whether the clone's rooms can be imported."""
    try:
        return importlib.util.find_spec(COMMAND) is not None
    except ModuleNotFoundError:
        return False
