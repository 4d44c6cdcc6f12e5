"""From lines of a log to what a tracker takes: numbers by name, after a number of updates."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from bert.tracking.memory import Sent
from bert.training.events import place_of


class Point(NamedTuple):
    """Numbers after so many updates."""

    step: int
    numbers: Mapping[str, float]  # named as in TensorBoard, such as "heldout/masked_lm/loss"


def new_points(lines: Iterable[Mapping[str, Any]], sent: Sent) -> Iterator[Point]:
    """The points of the lines that were not sent before. The caller sends each, and takes note of it in ``sent``.

    Steps only go forward. A resumed run writes lines anew, after the same updates as before: they were sent. Of the
    last step that was sent, the names that are new are sent too.
    """
    for line in lines:
        step = line["step"]
        numbers = {
            "/".join(place_of(name)): value
            for name, value in line.items()
            if name != "step" and isinstance(value, int | float) and not isinstance(value, bool)
        }
        new = {name: value for name, value in numbers.items() if sent.is_new(step, name)}
        if new:
            yield Point(step, new)


def texts_of(lines: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """What the lines say in words, such as the precision and why the run ended: the last text of each name."""
    return {name: value for line in lines for name, value in line.items() if isinstance(value, str)}


def results_of(report: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of a ``report.json``: {"dev": {"f1": 0.9}, "seed": 0} -> {"dev/f1": 0.9}, and the run's own facts."""
    found = {}
    for part in ("dev", "test"):
        measured = report.get(part)
        for name, value in measured.items() if isinstance(measured, dict) else ():
            if isinstance(value, int | float):
                found[f"{part}/{name}"] = value
    for name in ("best_epoch", "best_step", "training_seconds"):
        if isinstance(report.get(name), int | float):
            found[name] = report[name]
    return found
