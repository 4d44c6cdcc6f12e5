"""What other programs do to this one: how long its threads waited for a core, and how many cores are idle.

Linux counts both all the time, so looking costs nothing. The speed could not tell: updates differ in length, and a run
that begins beside another program has never seen its own speed alone.

    /proc/self/task/*/schedstat     for each thread: nanoseconds on a core, then nanoseconds ready and without a core
    /proc/stat                      for each core: hundredths of a second at this and that, the idle ones fourth
"""

import contextlib
import os
import time
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")


class Load(NamedTuple):
    """The means of a period. Both are in cores: 0.5 is half of the period, or a quarter of it for each of two."""

    waited: float  # by threads of this process that were ready to run
    idle: float  # of the cores that this process may use


class LoadMeter:
    """Reads the load since it was last read. Its source is proc(5), and "schedstats" in Linux' documentation."""

    def __init__(self):
        self._before = _reading()

    def read(self) -> Load:
        """The load since the reading before, or since the meter was made."""
        before, now = self._before, _reading()
        self._before = now
        seconds = max(now.time - before.time, 1e-9)
        # Threads come and go. What a thread waited before its end is not counted.
        waited = sum(each - before.waited.get(thread, 0.0) for thread, each in now.waited.items())
        return Load(waited / seconds, (now.idle - before.idle) / seconds)


def find_load_meter() -> LoadMeter | None:
    """A meter, or None if this system does not count what it reads (all but Linux, and a few containers)."""
    try:
        return LoadMeter()
    except (OSError, AttributeError, ValueError, IndexError):
        return None


class _Reading(NamedTuple):
    """What Linux has counted until now, in seconds."""

    time: float
    waited: dict[str, float]  # by thread
    idle: float


def _reading() -> _Reading:
    return _Reading(time.perf_counter(), _waited(), _idle())


def _waited() -> dict[str, float]:
    """The seconds that each thread of this process waited for a core, since its start."""
    threads = {}
    for path in (PROC / "self" / "task").glob("*/schedstat"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            threads[path.parent.name] = int(path.read_text().split()[1]) / 1e9
    if not threads:
        raise OSError("no thread of this process has a file schedstat")
    return threads


def _idle() -> float:
    """The seconds that the cores of this process were idle, since the machine's start."""
    cores = {f"cpu{number}" for number in os.sched_getaffinity(0)}
    lines = [line.split() for line in (PROC / "stat").read_text().splitlines()]
    idle = sum(int(fields[4]) + int(fields[5]) for fields in lines if fields[0] in cores)  # also if it waits for a disk
    return idle / os.sysconf("SC_CLK_TCK")
