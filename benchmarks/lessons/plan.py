"""From a lesson to its trainings: minutes become updates, and each contestant gets its learning rate.

A learning rate falls to 0 with the last update, so a run must know its updates. We measure how long an update takes,
and reckon. From then on a training is a matter of updates alone, and can be repeated exactly.

The machine's speed changes from hour to hour. So a contestant is measured beside the default recipe, and the ratio
counts. If two trainings may run at once, both are measured at the same time. What takes no time is not measured again
(``TAKE_NO_TIME``).
"""

import statistics
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.lessons.lesson import MINUTES, Contestant, Lesson
from benchmarks.lessons.runs import (
    Job,
    Machine,
    Result,
    Texts,
    changed_by,
    seconds_per_update,
    settings_of,
    with_recipe,
)
from benchmarks.trials import add_rows, in_a_process_of_its_own, read_rows
from bert.errors import InputError

TUNING_SEED = 1_000  # learning rates are chosen on it, and no row has it
TRIAL_UPDATES = 100  # to measure a speed
# Settings that change what an update does, and not how long it takes.
TAKE_NO_TIME = {
    "learning_rate", "warmup_steps", "weight_decay", "mask_shares", "mask_copies", "initializer_range",
    "sinusoidal_start",
}  # fmt: skip


@dataclass(frozen=True)
class Budget:
    """What a table is about: a size of the model, how long each training is, and on what."""

    size: str
    minutes: float  # of each training
    updates: int | None  # if it is given, all lessons have the same updates instead
    machine: Machine


class Speeds:
    """How long an update takes with some flags, in seconds. What was measured is kept in a file."""

    def __init__(self, budget: Budget, texts: Texts, log: Callable[[str], None]):
        self._budget, self._texts, self._log = budget, texts, log
        self._file = Path(texts.directory, "speeds.json")

    def of(self, flags: str) -> float:
        """The seconds of an update with these flags, on a day like the one when the default was measured first."""
        found = read_rows(self._file).get(self._case(flags))
        if found is not None:
            return found["seconds"]
        if self._case(flags) == self._case(""):
            seconds = statistics.median(self._measure(*[""] * self._budget.machine.at_once))
        else:
            usual = self.of("")
            seconds, beside = self._measure(flags, "")
            seconds *= usual / beside
        add_rows(self._file, [{"case": self._case(flags), "seconds": seconds}])
        self._log(f"{1000 * seconds:7.1f} ms an update: {flags or 'as by default'}")
        return seconds

    def _case(self, flags: str) -> str:
        changed = changed_by(flags, self._budget.size)
        slower = (f"{name} {value}" for name, value in changed.items() if name not in TAKE_NO_TIME)
        ways = ", ".join(slower) or "as by default"
        return f"{with_recipe(self._budget.size)}, {self._budget.machine}, {ways}"

    def _job(self, flags: str) -> Job:
        return Job(self._budget.size, ((TRIAL_UPDATES, flags),), 0, self._budget.machine)

    def _measure(self, *several: str) -> list[float]:
        """The seconds of an update with each of several flags, as many of them at once as trainings."""

        def trial(flags: str) -> float:
            return in_a_process_of_its_own(seconds_per_update, self._job(flags), self._texts)

        with ThreadPoolExecutor(self._budget.machine.at_once) as pool:
            return list(pool.map(trial, several))


def same_updates(lesson: Lesson, budget: Budget) -> bool:
    """Whether the contestants have the same updates, not the same minutes."""
    return budget.updates is not None or lesson.same != MINUTES


def job_of(
    lesson: Lesson, contestant: Contestant, seed: int, budget: Budget, speeds: Speeds, rate: float | None = None
) -> Job:
    """The training of a contestant.

    Args:
        rate: the peak learning rate; None: the one of its flags.
    """
    parts, end, first = [], 0, contestant.parts[0].flags
    for number, part in enumerate(contestant.parts):
        flags = part.flags if number == 0 else f"{first} {part.flags}"
        if budget.updates is not None:
            updates = part.share * budget.updates
        else:
            speed = speeds.of("" if same_updates(lesson, budget) else flags)
            updates = 60 * part.share * budget.minutes / speed
        end += max(1, round(updates))
        parts.append((end, part.flags))
    if rate is not None:
        parts[0] = parts[0][0], f"{parts[0][1]} --learning-rate {rate:.3g}".strip()
    if not changed_by(parts[0][1], budget.size):
        parts[0] = parts[0][0], ""  # as by default, so that several lessons share the training
    return Job(budget.size, tuple(parts), seed, budget.machine, lesson.task)


def rates_of(contestant: Contestant, budget: Budget) -> list[float]:
    """The peak learning rates that a contestant tries: its multiples of the rate that its flags or its size name."""
    usual = settings_of(["--size", budget.size, *contestant.parts[0].flags.split()]).learning_rate
    return [float(f"{usual * multiple:.3g}") for multiple in contestant.rates]


def tuning_jobs(lesson: Lesson, budget: Budget, speeds: Speeds) -> Iterator[tuple[Contestant, float, Job]]:
    """The trainings that choose learning rates."""
    for contestant in lesson.contestants:
        rates = rates_of(contestant, budget)
        for rate in rates if len(rates) > 1 else []:
            job = job_of(lesson, contestant, TUNING_SEED, budget, speeds, rate)
            yield contestant, rate, replace(job, task=False)


def loss_to_tune(result: Result) -> float:
    """The held-out loss that chooses among learning rates: on what the model was trained on."""
    trained_on_pairs = result.next_sentence_accuracy is not None
    losses = (result.next_token_loss, result.pairs_loss if trained_on_pairs else result.single_loss)
    return next((loss for loss in losses if loss is not None), float("inf"))


def check(lesson: Lesson, name: str, size: str) -> None:
    """Raises an InputError if a flag of the lesson is wrong, alone or beside the others."""
    for contestant in lesson.contestants:
        first = contestant.parts[0].flags.split()
        for part in contestant.parts:
            try:
                settings_of(["--size", size, *first, *part.flags.split(), "--max-steps", "10"])
            except InputError as error:
                raise InputError(f"lesson {name}, {contestant.name}: {error}") from None
        rates = [other for other in lesson.contestants if other.name == contestant.rate_of]
        if contestant.rate_of and not (rates and len(rates[0].rates) > 1):
            raise InputError(f"lesson {name}, {contestant.name}: {contestant.rate_of} chooses no learning rate")
