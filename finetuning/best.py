"""Which evaluation was the best so far, and when to stop waiting for a better one."""

from dataclasses import dataclass

from bert.tasks.metrics import is_better


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
