"""Running totals of the losses since the last report, and their means."""

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from bert.heads.loss import Loss
from bert.training.distributed import Processes

Number = Tensor | float


@dataclass
class RunningTotals:
    """A tensor [sum, count, correct] for each loss, left on the device.

    A loss without ``correct``, such as a regression's, is [sum, count] and has no accuracy.
    """

    by_name: dict[str, Tensor] = field(default_factory=dict)

    @classmethod
    def of(cls, totals: dict[str, list[float]], device: torch.device) -> "RunningTotals":
        """The inverse of ``totals``."""
        return cls({name: torch.tensor(each, dtype=torch.float64, device=device) for name, each in totals.items()})

    def add(self, losses: dict[str, Loss]) -> None:
        """Adds the losses of a micro-batch."""
        for name, loss in losses.items():
            parts = [part.detach().double() for part in (loss.sum, loss.count, loss.correct) if part is not None]
            values = torch.stack(parts)
            self.by_name[name] = self.by_name[name] + values if name in self.by_name else values

    def totals(self, processes: Processes) -> dict[str, list[float]]:
        """[sum, count, correct] or [sum, count] of each loss, over all processes. Synchronises."""
        totals: dict[str, list[float]] = {}
        for each in processes.gather({name: values.tolist() for name, values in self.by_name.items()}):
            for name, values in each.items():
                totals[name] = [a + b for a, b in zip(totals.get(name, [0.0] * len(values)), values, strict=True)]
        return totals

    def means(self, processes: Processes) -> dict[str, float]:
        """The mean of each loss (in nats, if it is a cross-entropy), and its accuracy, over all processes."""
        means = {}
        for name, parts in self.totals(processes).items():
            means |= mean_of(name, *parts)
        return means


def mean_of(name: str, total: Number, count: Number, correct: Number | None = None) -> dict[str, float]:
    """A mean loss, and its accuracy if it has one, by their names in the log. NaN if nothing was counted."""
    means = {f"{name}_loss": total} if correct is None else {f"{name}_loss": total, f"{name}_accuracy": correct}
    return {key: float(value) / int(count) if count else math.nan for key, value in means.items()}
