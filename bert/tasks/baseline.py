"""The baseline of a task: a guess that reads no text.

A model has learned something only if it does better. The guess is learned from the training labels, such as their most
frequent one. The kind's own ``measure`` measures it, as it measures a model.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from bert.tasks.metrics import LOWER_IS_BETTER, is_better

LONGEST_NAME = 40  # letters of a label in a sentence


class Baseline(NamedTuple):
    """A guess."""

    name: str  # in words: "always 'positive'"
    guess: Callable[[Any], Any]  # an example -> what it predicts, in the form of the kind's ``predict``
    short: str = "majority"  # before its metrics in the log; ``bert.training.curves.BASELINES`` has its words
    short_of: Mapping[str, str] = MappingProxyType({})  # the same of metrics that another guess is for
    reads_texts: bool = False  # whether it compares texts by their words: a model below it may still be of use

    def in_log(self, metrics: Mapping[str, float]) -> dict[str, float]:
        """Its metrics by their names in the log."""
        return {f"{self.short_of.get(name, self.short)}_{name}": value for name, value in metrics.items()}


def in_quotes(label: str) -> str:
    """A label for a baseline's name.

    >>> in_quotes("positive")
    "'positive'"
    """
    return repr(label if len(label) <= LONGEST_NAME else f"{label[: LONGEST_NAME - 1]}…")


def beats(metric: str, value: float, baseline: float) -> bool:
    """Whether a metric is better than its baseline. A perfect one counts; one that is no number does not."""
    return is_better(metric, value, baseline) or (value == 1 and metric not in LOWER_IS_BETTER)
