"""What a lesson found: its contestants with their results, as a row of a JSON file."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from benchmarks.lessons.lesson import MINUTES
from benchmarks.lessons.questions import LESSONS
from benchmarks.lessons.runs import Result
from benchmarks.lessons.verdicts import Difference, difference, update_at
from benchmarks.trials import add_rows, read_rows

TABLE = "table.json"  # in the output directory


@dataclass(frozen=True)
class Found:
    """A contestant and its results, seed by seed."""

    name: str
    flags: list[str]  # of each part
    updates: int
    results: list[Result]
    rate: float | None = None  # the learning rate that was chosen, if there was a choice
    tried: dict[str, float | None] | None = None  # the held-out loss of each learning rate, on another seed

    def values(self, measure: str) -> list[float] | None:
        """A measure seed by seed; None if it was not measured, or a training failed."""
        found = [getattr(result, measure) for result in self.results]
        return None if any(value is None for value in found) else found

    def missing(self, measure: str) -> int:
        """How many trainings lack a measure that the others have, or failed."""
        found = [getattr(result, measure) for result in self.results]
        return self.failures or (0 if not any(value is not None for value in found) else found.count(None))

    @property
    def failures(self) -> int:
        """How many trainings ended since their loss was not finite."""
        return sum(result.failed is not None for result in self.results)

    @property
    def curve(self) -> list[tuple[float, list[float]]]:
        """The held-out losses of all seeds by update. Empty if a training failed."""
        curves = [result.curve for result in self.results]
        if not curves or self.failures or len({tuple(step for step, _ in curve) for curve in curves}) != 1:
            return []
        return [(points[0][0], [loss for _, loss in points]) for points in zip(*curves)]

    @property
    def heard(self) -> str:
        """Which loss the curves have, and on which examples."""
        return self.results[0].heard


@dataclass(frozen=True)
class Row:
    """A lesson at one size of the model."""

    lesson: str
    size: str
    same: str  # "minutes" or "updates"
    amount: float  # of these
    seeds: int
    contestants: list[Found]
    machine: str
    measured: str  # the day

    @property
    def first(self) -> Found:
        """What the others are compared with."""
        return self.contestants[0]

    def difference(self, found: Found, measure: str) -> Difference | None:
        """A contestant beside the first one; None if one of them has no such measure."""
        values, first = found.values(measure), self.first.values(measure)
        return None if values is None or first is None else difference(values, first)

    def share_to_the_first(self, found: Found) -> list[float | None] | None:
        """Seed by seed, the share of the first one's updates after which its last held-out loss was reached.

        None in a seed: it was not reached. None: the curves do not compare, or there are none.
        """
        if not self.first.curve or not found.curve or found.heard != self.first.heard:
            return None
        shares = []
        for index in range(len(found.results)):
            curve = [(update, losses[index]) for update, losses in found.curve]
            at = update_at(curve, self.first.curve[-1][1][index])
            shares.append(None if at is None else at / self.first.curve[-1][0])
        return shares

    def seconds(self, found: Found) -> float | None:
        """The mean seconds of a training: as reckoned if all have the same minutes, else as measured.

        Two trainings run at once, and other work may run beside them. The speeds by which minutes become updates were
        measured side by side, so reckoned seconds compare.
        """
        if self.same == MINUTES:
            return 60 * self.amount
        values = found.values("seconds")
        return None if values is None else statistics.mean(values)


def write_row(table: Path, row: Row) -> None:
    """Adds a row to the table in a file, or replaces the one of the same lesson and size."""
    add_rows(table, [{"case": f"{row.size}, {row.lesson}"} | asdict(row)])


def read_table(table: Path) -> list[Row]:
    """The rows of the table in a file, in the order of the questions. A question may have been removed."""
    rows = [_row(values) for values in read_rows(table).values()]
    return [row for name in LESSONS for row in rows if row.lesson == name]


def _row(values: dict[str, Any]) -> Row:
    contestants = [Found(**each | {"results": _results(each["results"])}) for each in values["contestants"]]
    return Row(**{field.name: values[field.name] for field in fields(Row)} | {"contestants": contestants})


def _results(values: Sequence[dict[str, Any]]) -> list[Result]:
    names = {field.name for field in fields(Result)}
    return [Result(**{name: value for name, value in each.items() if name in names}) for each in values]
