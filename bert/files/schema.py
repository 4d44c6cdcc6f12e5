"""Rules for the values of a dictionary that was read from a file.

    STEPS = Rule(is_count, "a whole number from 0")
    check({"step": -1}, {"step": STEPS}, "log.jsonl: line 3")     InputError: log.jsonl: line 3: step is -1; a whole ...

A file may hold anything under a name: a list for a number, a number of a thousand digits, NaN. So one door checks all
of it, before any of it is used.
"""

import math
import reprlib
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from bert.errors import InputError

LARGEST = 2**63 - 1  # that every library takes


class Rule(NamedTuple):
    """A rule for a value."""

    holds: Callable[[Any], bool]
    expected: str  # in words


Schema = Mapping[str, Rule]
ANYTHING = Rule(lambda value: True, "anything")


def check(
    values: Any, schema: Schema, source: str, remedy: str = "mend it", required: Collection[str] = (),
    others: Rule | None = None,
) -> None:  # fmt: skip
    """Raises an InputError, which names the entry, unless a dictionary is as the schema says.

    Args:
        source: where the dictionary is from, for the message.
        remedy: what to do, for the message.
        required: entries that must be there. The others may be missing.
        others: the rule for entries without a rule; None: there must be none.
    """
    if not isinstance(values, dict):
        raise InputError(f"{source} is {shown(values)}; a dictionary was expected; {remedy}")
    for name in required:
        if name not in values:
            raise InputError(f"{source}: has no {name}; {remedy}")
    for name, value in values.items():
        rule = schema.get(name, others)
        if rule is None:
            raise InputError(f"{source}: has {shown(name)}, which is unknown; {remedy}")
        if not rule.holds(value):
            raise InputError(f"{source}: {name} is {shown(value)}; {rule.expected} was expected; {remedy}")


def is_count(value: Any, largest: int = LARGEST) -> bool:
    """Whether a value is an integer from 0 to ``largest``; True and False are none."""
    return type(value) is int and 0 <= value <= largest


def is_number(value: Any) -> bool:
    """Whether a value is a finite number, not too large for any library; True and False are none."""
    return (type(value) is float and math.isfinite(value)) or (type(value) is int and abs(value) <= LARGEST)


def is_plain(value: Any) -> bool:
    """Whether a value is made of numbers, texts, lists and dictionaries alone, so that == compares it."""
    if isinstance(value, list | tuple):
        return all(map(is_plain, value))
    if isinstance(value, dict):
        return all(isinstance(name, str) and is_plain(each) for name, each in value.items())
    return value is None or type(value) in (bool, int, float, str)


def shown(value: Any) -> str:
    """A value in a few characters, for a message."""
    try:
        return reprlib.repr(value)
    except ValueError:  # an integer of thousands of digits has no text
        return f"an enormous {type(value).__name__}"
