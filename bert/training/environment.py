"""What torchrun and the user say in the environment: which process this is, and how many threads it has."""

import os
import re
from typing import NamedTuple

from bert.errors import InputError

TORCHRUN = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_PORT")


class Place(NamedTuple):
    """Which of several processes this is."""

    rank: int = 0  # among all processes
    world_size: int = 1
    local_rank: int = 0  # among those of this machine


def read_environment() -> Place:
    """The place of this process. Without torchrun it is the only one.

    Raises:
        InputError: if a variable holds no such number, or if one that torchrun sets is missing. libgomp would compute
            with another number of threads, and so with other roundings, if it did not understand OMP_NUM_THREADS.
    """
    threads = os.environ.get("OMP_NUM_THREADS", "").strip()
    if threads and not re.fullmatch(r"[1-9]\d*(,[1-9]\d*)*", threads):
        raise InputError(f"OMP_NUM_THREADS is {threads!r}; a number of threads was expected, or leave it unset")
    numbers = {name: _number(name, os.environ[name]) for name in TORCHRUN if os.environ.get(name, "").strip()}
    world_size = numbers.get("WORLD_SIZE", 1)
    if world_size <= 1:
        return Place(local_rank=numbers.get("LOCAL_RANK", 0))
    missing = [name for name in ("RANK", "MASTER_ADDR", "MASTER_PORT") if not os.environ.get(name, "").strip()]
    if missing:
        raise InputError(
            f"WORLD_SIZE is {world_size}, and {' and '.join(missing)} not set; start the processes with torchrun, or "
            f"unset WORLD_SIZE"
        )
    if numbers["RANK"] >= world_size:
        raise InputError(f"RANK is {numbers['RANK']}; a number below WORLD_SIZE ({world_size}) was expected")
    return Place(numbers["RANK"], world_size, numbers.get("LOCAL_RANK", 0))


def _number(name: str, text: str) -> int:
    if not re.fullmatch(r"\s*\d{1,9}\s*", text):
        raise InputError(f"{name} is {text!r}; a number was expected, as torchrun sets it, or leave it unset")
    return int(text)
