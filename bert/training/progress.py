"""Where a run stands."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Progress:
    """Where a run stands: a checkpoint saves it, and a resumed run starts from it."""

    step: int = 0  # updates done
    tokens: int = 0  # tokens trained on, over all processes
    seconds: float = 0.0  # spent training, over all sessions of the run
    position: Any = None  # where the data stands: plain data, the epoch first
    leg: tuple[int, float, int] | None = None  # of the schedule (``bert.training.schedule.Leg``)
    unreported: dict[str, list[float]] = field(default_factory=dict)  # RunningTotals.totals since the last report
