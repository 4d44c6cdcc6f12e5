"""How many threads compute on a CPU. Beside another program fewer may be faster.

A small model's update is thousands of operations of some ten microseconds. Each operation is divided among the threads,
and ends with its slowest thread. If another program keeps a core busy, one thread waits for that core, often for
milliseconds, and all others wait for that thread. So two threads on two cores fell from 35,000 tokens/s to 2,000. One
thread had 20,000 all the while.

So a run looks at the machine's load every two seconds. If its threads wait for cores, it tries fewer threads: one
number after another, half a second each. If cores are idle, it tries more. It keeps the fastest number. On a free
machine it tries nothing.

The number of threads decides how sums are rounded, and so it belongs to the run. Each change, trials included, is a
decision of the run (``decisions.py``), which a resumed run takes over: the resume is bit for bit.
"""

import contextlib
import os
import time
from collections.abc import Callable, Generator, Iterator

import torch

from bert.errors import InputError
from bert.files.schema import LARGEST
from bert.training.decisions import REMEDY, Decisions, RecordedDecisions
from bert.training.machine_load import Load, find_load_meter
from bert.training.script import Log

NAME = "threads"  # of the decisions
PERIOD = 2.0  # seconds of training between two looks at the load
TRIAL = 0.5  # seconds of training with a number of threads that is tried, and at least three updates
BUSY = 0.25  # cores that threads wait for. One busy core makes them wait for half a core or more
IDLE = 0.75  # of a core for each further thread
BETTER = 1.1  # times as fast, to be worth a change
FEWER, MORE = "fewer", "more"
PATIENCE = {FEWER: 2, MORE: 5}  # so many looks in a row agree before a trial
MOST_PATIENCE = {FEWER: 32, MORE: 160}  # a minute and five minutes
SOON = 30  # looks. If a load is back so soon, it comes and goes


class Threads:
    """Sets the number of threads of a run: as before it was resumed, then by the load.

    Args:
        decisions: of the run. None: the number is not ours to choose, and stays as it is.
        step: the update that comes next.
        log: prints a sentence for the user.

    Raises:
        InputError: if no decision can be a number of threads.
    """

    def __init__(self, decisions: Decisions | None, step: int, log: Log):
        self._decisions, self._log = decisions, log
        self._most = torch.get_num_threads()
        self._is_fixed = bool(os.environ.get("OMP_NUM_THREADS", "").strip())  # then the user has chosen
        if isinstance(decisions, RecordedDecisions):  # as the run had them, whatever this machine has
            self._most = max((number for _, number in decisions.made(NAME, LARGEST)), default=self._most)
            self._is_fixed = False
        self._choice: Choice | None = None
        if decisions:
            torch.set_num_threads(self._first_number(decisions, step))

    @contextlib.contextmanager
    def update(self, step: int, tokens: int) -> Iterator[None]:
        """Inside the block is update ``step``, of so many tokens. May change the number of threads before it."""
        if self._decisions and (number := self._decisions.decide(NAME, step, self._decide)):
            torch.set_num_threads(number)
        started = time.perf_counter()
        yield
        if self._choice:
            self._choice.note(tokens, time.perf_counter() - started)

    def _first_number(self, decisions: Decisions, step: int) -> int:
        """The number of threads for update ``step``. It is written down."""
        made = decisions.made(NAME, LARGEST)
        if any(number < 1 for _, number in made):
            raise InputError(
                f"training_state/decisions.json: {NAME} holds 0; a number of threads is 1 or more; {REMEDY}"
            )
        until_now = decisions.made(NAME, step)
        number = until_now[-1][1] if until_now else self._most
        to_come = {number, *(each for at, each in made if at > step)}
        if to_come != {self._most} if self._is_fixed else max(to_come) > self._most:
            why = f"OMP_NUM_THREADS is {self._most}" if self._is_fixed else f"this machine has {self._most}"
            self._log(
                f"Note: the run had {in_words(max(to_come - {self._most}))}, and now {why}: results will differ in the "
                f"last bits from a run that was not stopped."
            )
            decisions.forget(NAME, step)
            number = self._most
        return decisions.decide(NAME, step, lambda: number) or number

    def _decide(self) -> int | None:
        """By the clock and the load. Not called for updates that the run has made before."""
        if self._is_fixed or self._most == 1:
            return None
        if self._choice is None:
            meter = find_load_meter()
            self._choice = Choice(self._most, torch.get_num_threads(), meter.read if meter else None, self._log)
        return self._choice.decide()


class Choice:
    """Chooses a number of threads by the load, and by the speed with each.

    Args:
        most: the number of threads that a free machine is best used with.
        number: how many there are now.
        read_load: the load since it was last called; None: it cannot be known, and nothing changes.
        log: is told of each change that lasts.
    """

    def __init__(self, most: int, number: int, read_load: Callable[[], Load] | None, log: Log):
        self._candidates = sorted({most, most - 1, most // 2, 1} - {0})
        self._number, self._log = number, log
        self._updates: list[tuple[int, float]] = []  # tokens and seconds of each, since the measurement began
        self._numbers = self._watch(read_load) if read_load else None

    def note(self, tokens: int, seconds: float) -> None:
        """An update had so many tokens and took so long."""
        if self._numbers:
            self._updates.append((tokens, seconds))

    def decide(self) -> int | None:
        """The number of threads from the next update on; None: as before."""
        return next(self._numbers) if self._numbers else None

    def _watch(self, read_load: Callable[[], Load]) -> Generator[int | None, None, None]:
        """Gives, before each update, a number of threads or None."""
        patience, agreeing = dict(PATIENCE), {FEWER: 0, MORE: 0}
        looks_since_more = SOON
        while True:
            read_load()  # the load of this period alone
            speeds = {self._number: (yield from self._speed(PERIOD, updates=1))}
            looks_since_more += 1
            to_try = self._worth_trying(read_load())
            for direction, numbers in to_try.items():
                agreeing[direction] = agreeing[direction] + 1 if numbers else 0
            direction = next((each for each in to_try if agreeing[each] >= patience[each]), None)
            if direction is None:
                continue
            tried = to_try[direction]
            for number in tried:
                yield number  # the update that follows is the first with it, and is not measured
                speeds[number] = yield from self._speed(TRIAL, updates=3)
            best = max(speeds, key=lambda each: speeds[each] / (BETTER if each != self._number else 1))
            if best != tried[-1]:
                yield best
            agreeing = {FEWER: 0, MORE: 0}
            # A trial costs time. If it changed nothing, or for a moment only, the next one comes later.
            if best == self._number:
                patience[direction] = min(2 * patience[direction], MOST_PATIENCE[direction])
                continue
            self._tell(best, speeds)
            if direction == MORE:
                looks_since_more = 0
            elif looks_since_more <= SOON:
                patience[MORE] = min(2 * patience[MORE], MOST_PATIENCE[MORE])
            else:
                patience = dict(PATIENCE)
            self._number = best

    def _worth_trying(self, load: Load) -> dict[str, list[int]]:
        """Numbers of threads that may be faster, by direction: fewer if threads wait, more if cores are idle."""
        fewer = [each for each in reversed(self._candidates) if each < self._number]
        more = [each for each in self._candidates if 0 < (each - self._number) * IDLE <= load.idle]
        return {FEWER: fewer if load.waited >= BUSY else [], MORE: more}

    def _speed(self, seconds: float, updates: int) -> Generator[None, None, float]:
        """Tokens per second, measured over so many seconds of training and so many updates."""
        self._updates.clear()
        while len(self._updates) < updates or sum(each for _, each in self._updates) < seconds:
            yield None
        return sum(tokens for tokens, _ in self._updates) / sum(each for _, each in self._updates)

    def _tell(self, best: int, speeds: dict[int, float]) -> None:
        why = "Other programs keep cores busy" if best < self._number else "Cores are free again"
        self._log(
            f"{why}: going on with {in_words(best)} ({speeds[best]:,.0f} tokens/s instead of "
            f"{speeds[self._number]:,.0f})."
        )


@contextlib.contextmanager
def threads_restored() -> Iterator[None]:
    """After the block there are as many threads as before it: what a run chose is not for the next run."""
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


def in_words(number: int) -> str:
    """1 thread, 2 threads."""
    return f"{number} thread{'' if number == 1 else 's'}"
