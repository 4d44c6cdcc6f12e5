"""Checks that the settings of several methods share. Each raises an InputError that says what was expected."""

import math
from typing import Any

from bert.config import LARGEST
from bert.errors import InputError


def check_count(name: str, value: Any, least: int = 1) -> None:
    """A whole number from ``least``."""
    if type(value) is not int or not least <= value <= LARGEST:
        raise InputError(f"{name} is {value!r}; a whole number from {least} to {LARGEST:,} was expected")


def check_alpha(value: Any) -> None:
    """A positive number."""
    if type(value) not in (int, float) or not 0 < value < math.inf:
        raise InputError(f"alpha is {value!r}; a positive number was expected")


def check_dropout(value: Any) -> None:
    """A probability below 1."""
    if type(value) not in (int, float) or not 0 <= value < 1:
        raise InputError(f"dropout is {value!r}; a probability from 0 to below 1 was expected")
