"""A row of the table: what was checked, its largest error, the bound, and the file that holds it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from bert.files.shortage import shortage

# Bounds. In float64 a layer's rounding is below 1e-13; in float32 a whole model's is below 1e-5.
EXACT = 0.0
DOUBLE = 1e-10
SINGLE = 1e-4


@dataclass(frozen=True)
class Row:
    """What a check has found."""

    name: str
    file: str  # that holds what is checked
    bound: float
    error: float | None  # the largest; None: the check was not tried
    note: str = ""

    @property
    def is_broken(self) -> bool:
        """Whether the error is above its bound, or no number."""
        return self.error is not None and not self.error <= self.bound


@dataclass(frozen=True)
class Section:
    """Rows of one kind. They are computed while they are read."""

    title: str
    rows: Iterable[Row]


def check(name: str, file: str, bound: float, compute: Callable[[], float], note: str = "") -> Row:
    """The row of a check. ``compute`` gives the error. If it raises, the row is broken, and says why."""
    try:
        return Row(name, file, bound, compute(), note)
    except Exception as error:
        if isinstance(error, torch.OutOfMemoryError) or shortage(error) is not None:  # the machine's fault, not ours
            raise
        message = (str(error).splitlines() or [""])[0]
        return Row(name, file, bound, float("inf"), f"{type(error).__name__}: {message}")


def not_tried(name: str, file: str, reason: str) -> Row:
    """The row of a check that this machine or checkout cannot do."""
    return Row(name, file, EXACT, None, reason)


def largest_error(found: Any, expected: Any) -> float:
    """max |found - expected|, as a share of the largest expected number if that is above 1.

    Raises a ValueError if the shapes differ. A number that is not finite is an error of infinity.
    """
    found, expected = as_array(found), as_array(expected)
    if found.shape != expected.shape:
        raise ValueError(f"the shape is {found.shape}, not {expected.shape}")
    if found.size == 0:
        return 0.0
    if not np.isfinite(found).all():
        return float("inf")
    return float(np.abs(found - expected).max() / max(1.0, np.abs(expected).max()))


def largest_of(pairs: Iterable[tuple[Any, Any]]) -> float:
    """The largest error of several pairs (found, expected)."""
    return max(largest_error(*pair) for pair in pairs)


def as_array(values: Any) -> np.ndarray:
    """A tensor of any device, or numbers, in float64."""
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu().double().numpy()
    return np.asarray(values, np.float64)


def run(sections: Iterable[Section], log: Callable[[Section | Row], None]) -> list[Row]:
    """Computes all rows and logs each when it is known, after its section. Returns them."""
    rows = []
    for section in sections:
        log(section)
        for row in section.rows:
            rows.append(row)
            log(row)
    return rows


def sigmas(share: float, expected: float, count: int) -> float:
    """How many standard deviations a share of ``count`` independent outcomes is away from the expected one."""
    return float(abs(share - expected) / np.sqrt(expected * (1 - expected) / count))
