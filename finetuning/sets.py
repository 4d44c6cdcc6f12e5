"""A set of a task's examples: train, dev or test."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class TaskSet:
    """examples: as they were read; inputs: of each example one or several windows; too_long: how many examples did not
    fit as they were.
    """

    examples: Sequence[Any]
    inputs: Sequence[Sequence[Any]]
    too_long: int

    def windows(self) -> list[tuple[Any, Any]]:
        """(window, its example) of each window: the rows that are trained on."""
        return [(window, example) for example, parts in zip(self.examples, self.inputs) for window in parts]


def in_windows(examples: Sequence[Any], inputs: Sequence[Sequence[Any]]) -> TaskSet:
    """A set in which an example is too long that needed several windows."""
    return TaskSet(examples, inputs, sum(len(windows) > 1 for windows in inputs))
