"""What a comparison shows, and no more: differences seed by seed, with their interval.

Two trainings of one seed read the same documents in the same order. If they can, they also have the same initial
weights and masks. So their difference varies less than either of them. The interval is Student's, for 95 %. With three
seeds it reaches 2.48 standard deviations to each side. If it holds 0, the verdict is "no difference". There may be one
all the same: more seeds may find it. And of twenty verdicts about equal trainings, one will see a difference. The
held-out examples are the same for all, so the interval says nothing about other examples.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.stats import t as student

CONFIDENCE = 0.95
NO_DIFFERENCE, ONE_SEED = "no difference", "one seed, no verdict"


@dataclass(frozen=True)
class Difference:
    """A measure of a contestant less the first one's, over the seeds."""

    mean: float
    deviation: float  # standard deviation over the seeds; 0 for one seed
    half: float  # of the interval's width; infinite for one seed
    seeds: int

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves 0 out."""
        return abs(self.mean) > self.half

    def in_words(self, scale: float = 1.0, digits: int = 3) -> str:
        """The verdict.

        >>> Difference(-0.0512, 0.01, 0.0248, 3).in_words()
        '-0.051 (-0.076 to -0.026)'
        >>> Difference(-0.0112, 0.01, 0.0248, 3).in_words()
        'no difference'
        """
        if self.seeds < 2:
            return ONE_SEED
        if not self.is_clear:
            return NO_DIFFERENCE
        mean, low, high = (scale * value for value in (self.mean, self.mean - self.half, self.mean + self.half))
        return f"{mean:+.{digits}f} ({low:+.{digits}f} to {high:+.{digits}f})"


def difference(values: Sequence[float], first: Sequence[float]) -> Difference:
    """The difference of two contestants, whose values are given seed by seed."""
    by_seed = [value - other for value, other in zip(values, first, strict=True)]
    mean, count = statistics.mean(by_seed), len(by_seed)
    if count < 2:
        return Difference(mean, 0.0, math.inf, count)
    deviation = statistics.stdev(by_seed)
    half = float(student.ppf((1 + CONFIDENCE) / 2, count - 1)) * deviation / math.sqrt(count)
    return Difference(mean, deviation, half, count)


def update_at(curve: Sequence[Sequence[float]], loss: float) -> float | None:
    """The update at which a curve first comes down to a loss, between two of its points; None: it never does.

    >>> update_at([[10, 4.0], [20, 3.0], [30, 2.0]], 2.5)
    25.0
    """
    before: Sequence[float] | None = None
    for point in curve:
        if point[1] <= loss:
            if before is None:
                return float(point[0])
            return before[0] + (point[0] - before[0]) * (before[1] - loss) / (before[1] - point[1])
        before = point
    return None
