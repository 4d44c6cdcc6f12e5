"""Which evaluation was the best so far, and whether to hope for a better one."""

from dataclasses import dataclass


@dataclass
class Best:
    """The best value of the measure that the epoch is chosen by, after which step and how many epochs it was measured;
    after which step the last evaluation was, and how many evaluations have been since the best.
    """

    value: float | None = None
    step: int = 0
    epoch: float = 0.0
    evaluations_since: int = 0
    last_step: int = 0

    def update(self, value: float, step: int, epoch: float) -> bool:
        """Takes note of an evaluation; whether it is the best so far. Of two that are as good, the earlier one is.

        A second evaluation after the same step, of a finished run that is resumed, is the first one over again.
        """
        if step == self.last_step:
            return False
        self.last_step = step
        if self.value is not None and not value > self.value:
            self.evaluations_since += 1
            return False
        self.value, self.step, self.epoch, self.evaluations_since = value, step, epoch, 0
        return True

    def patience_exhausted(self, early_stopping: int | None) -> bool:
        """Whether as many evaluations as ``early_stopping`` allows have passed without a better one."""
        return early_stopping is not None and self.evaluations_since >= early_stopping
