"""Which evaluation was the best so far, and when to stop waiting for a better one."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from bert.tasks.metrics import is_better
from bert.training.flags import finite, positive


@dataclass
class Best:
    """The best value of the metric that selects the epoch."""

    value: float | None = None
    step: int = 0  # after which it was measured
    epoch: float = 0.0  # the same in epochs
    evaluations_since: int = 0
    last_step: int = 0  # of the last evaluation

    def update(self, metric: str, value: float, step: int, epoch: float) -> bool:
        """Takes note of an evaluation; returns whether it is the best so far. Of equals the first is the best.

        A finished run that is resumed evaluates a second time after the same step. That does not count.
        """
        if step == self.last_step and self.value is not None:
            return False
        self.last_step = step
        if self.value is not None and not is_better(metric, value, self.value):
            self.evaluations_since += 1
            return False
        self.value, self.step, self.epoch, self.evaluations_since = value, step, epoch, 0
        return True

    def patience_exhausted(self, early_stopping: int | None) -> bool:
        """Whether ``early_stopping`` evaluations have passed without a better one; None: never."""
        return early_stopping is not None and self.evaluations_since >= early_stopping

    def is_hopeless(self, metric: str, bounds: Sequence[str] | None, updates_per_epoch: int) -> bool:
        """Whether the best value is worse than the bound of the epoch that the last evaluation ended.

        Args:
            bounds: of some epochs, each "EPOCH=VALUE". None: there are none.
        """
        values = {int(epoch): float(value) for epoch, _, value in (bound.partition("=") for bound in bounds or ())}
        epoch, rest = divmod(self.last_step, updates_per_epoch)
        return self.value is not None and not rest and epoch in values and is_better(metric, values[epoch], self.value)


def bound_of_epoch(text: str) -> str:
    """A bound as ``is_hopeless`` takes it, unchanged. Raises argparse's error if it is none."""
    epoch, equals, value = text.partition("=")
    try:
        positive(epoch), finite(value)
    except (ValueError, argparse.ArgumentTypeError):
        equals = ""
    if not equals:
        raise argparse.ArgumentTypeError(f"{text} is not EPOCH=VALUE, such as 2=0.85")
    return text
