"""The baseline of a task: a guess that reads no text.

A model has learned something only if it does better. The guess is learned from the training labels, such as their most
frequent one. The kind's own ``measure`` measures it, as it measures a model.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

LONGEST_NAME = 40  # letters of a label in a sentence


class Baseline(NamedTuple):
    """A guess."""

    name: str  # in words: "always 'positive'"
    guess: Callable[[Any], Any]  # an example -> what it predicts, in the form of the kind's ``predict``


def in_quotes(label: str) -> str:
    """A label for a baseline's name.

    >>> in_quotes("positive")
    "'positive'"
    """
    return repr(label if len(label) <= LONGEST_NAME else f"{label[: LONGEST_NAME - 1]}…")


def is_above(value: float, baseline: float) -> bool:
    """Whether a metric is above its baseline. A perfect one counts as above; one that is no number does not."""
    return value > baseline or value == 1
