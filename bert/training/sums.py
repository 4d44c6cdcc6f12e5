"""What a run reports of its losses: their sums since the last report, and what these are on average."""

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from bert.training.distributed import Processes


@dataclass
class Sums:
    """Losses added up since the last report: a tensor [sum, count, correct] per loss, left on the device.

    A loss whose ``correct`` is None, as that of a regression, is [sum, count], and has no accuracy.
    """

    by_name: dict[str, Tensor] = field(default_factory=dict)

    @classmethod
    def of(cls, totals: dict[str, list[float]], device: torch.device) -> "Sums":
        """The sums that have these ``totals``."""
        return cls({name: torch.tensor(each, dtype=torch.float64, device=device) for name, each in totals.items()})

    def add(self, losses: dict) -> None:
        for name, loss in losses.items():
            parts = [part.detach().double() for part in (loss.sum, loss.count, loss.correct) if part is not None]
            values = torch.stack(parts)
            self.by_name[name] = self.by_name.get(name, 0) + values

    def totals(self, processes: Processes) -> dict[str, list[float]]:
        """[sum, count, correct] or [sum, count] of each loss, over all processes. Waits for the device."""
        totals: dict[str, list[float]] = {}
        for sums in processes.gather({name: values.tolist() for name, values in self.by_name.items()}):
            for name, values in sums.items():
                totals[name] = [a + b for a, b in zip(totals.get(name, [0.0] * len(values)), values, strict=True)]
        return totals

    def means(self, processes: Processes) -> dict[str, float]:
        """Mean loss (in nats, where it is a cross-entropy) and accuracy of each kind, over all processes."""
        means = {}
        for name, (total, count, *correct) in self.totals(processes).items():
            means[f"{name}_loss"] = total / count if count else math.nan
            if correct:
                means[f"{name}_accuracy"] = correct[0] / count if count else math.nan
        return means
