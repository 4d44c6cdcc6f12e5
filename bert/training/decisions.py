"""What a run decides by the clock, written down, so that the resumed run decides the same.

A clock never says the same twice, and some of what it decides changes the numbers of a run: the number of threads on a
busy machine, and the end of a schedule that is fitted to the time. So each decision is in the run's directory before it
takes effect. A killed run goes back to its last checkpoint. From there it takes the decisions that it had made, as far
as they go, and only then looks at the clock again. A file with all decisions makes the same run, bit for bit.

    training_state/decisions.json      {"threads": [[0, 2], [60, 1]]}       two threads, and one from update 60 on
"""

import errno
import itertools
import json
import os
from collections.abc import Callable
from pathlib import Path

from bert.errors import InputError
from bert.files.json_objects import read_json_object
from bert.files.schema import Rule, check, is_count
from bert.files.whole import sweep, write_atomically, writing_failed
from bert.training.distributed import Processes

REMEDY = "put back a copy of the file, or remove it: the run then goes on by the clock, but not bit for bit"
DECISIONS = Rule(
    lambda value: (
        isinstance(value, list)
        and all(isinstance(each, list) and len(each) == 2 and all(map(is_count, each)) for each in value)
        and all(earlier[0] < later[0] for earlier, later in itertools.pairwise(value))
    ),
    "a list of [update, number], each of a later update",
)


class Decisions:
    """The decisions of a run, by name. Each is a number, and holds from an update on (0 is the first update).

    Args:
        file: what was decided before, if it exists.
        processes: all of them must call each method alike. The main process decides.

    Raises:
        InputError: if the file is damaged, or cannot be written.
    """

    def __init__(self, file: Path, processes: Processes):
        self._file, self._processes = file, processes
        self._made: dict[str, list[tuple[int, int]]] = processes.broadcast(self._read)

    def made(self, name: str, step: int) -> list[tuple[int, int]]:
        """(update, number) of each decision of this name that holds before or at update ``step``, in order."""
        return [(at, number) for at, number in self._made.get(name, []) if at <= step]

    def decide(self, name: str, step: int, by_the_clock: Callable[[], int | None]) -> int | None:
        """The number that holds from update ``step`` on; None: nothing changes at this update.

        Args:
            by_the_clock: decides, in the main process. It is not asked up to the last decision that is written down.
        """
        written = self._made.get(name, [])
        if written and step <= written[-1][0]:
            return dict(written).get(step)
        number = self._processes.broadcast(by_the_clock)
        if number is not None:
            self._made[name] = [*written, (step, number)]
            self._processes.broadcast(self._write)
        return number

    def forget(self, name: str, step: int) -> None:
        """Drops the decisions of this name from update ``step`` on: other flags make them void."""
        self._made[name] = [(at, number) for at, number in self._made.get(name, []) if at < step]
        self._processes.broadcast(self._write)

    def _read(self) -> dict[str, list[tuple[int, int]]]:
        sweep(self._file.parent, [self._file.name])  # of a run that was killed while it wrote one
        return read_decisions(self._file)

    def _write(self) -> None:
        if not self._file.parent.parent.is_dir():  # a run that was moved away is not begun in its old place
            raise InputError(writing_failed(self._file, FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))))
        write_atomically(self._file, json.dumps(self._made) + "\n")


def read_decisions(file: Path) -> dict[str, list[tuple[int, int]]]:
    """The decisions in a file, by name; none if it does not exist. Raises an InputError if it is damaged."""
    if not file.exists():
        return {}
    values = read_json_object(file)
    check(values, {}, str(file), REMEDY, others=DECISIONS)
    return {name: [(step, number) for step, number in each] for name, each in values.items()}


class RecordedDecisions(Decisions):
    """The decisions of a run that is computed again. Nothing is decided anew, and nothing is written."""

    def decide(self, name: str, step: int, by_the_clock: Callable[[], int | None]) -> int | None:
        """The number that the run decided at update ``step``, if it did."""
        return dict(self._made.get(name, [])).get(step)

    def forget(self, name: str, step: int) -> None:
        """Forgets nothing: the run has forgotten what its other flags made void."""

    def _read(self) -> dict[str, list[tuple[int, int]]]:
        return read_decisions(self._file)
