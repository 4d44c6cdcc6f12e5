"""The space of a search: flags of ``train_finetune.py``, each with its values.

    learning-rate=1e-5..5e-4:log    a number between two, uniform in its logarithm
    epochs=2..5                     an integer from 2 to 5, for the ends are integers
    batch-size=16,32 pool=cls,mean  one of several

The search of the paper is a grid of 24 (4.1 has its learning rates, A.3 the rest).
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bert.errors import InputError
from bert.randomness import random_fractions, shuffled
from finetuning.continuing_flags import flag
from finetuning.flags import make_parser

PAPERS_GRID = ("learning-rate=5e-5,4e-5,3e-5,2e-5", "batch-size=16,32", "epochs=2,3,4")
AROUND_THE_GRID = ("learning-rate=1e-5..1e-4:log", "batch-size=16,32", "epochs=2..4")
DIGITS = 3  # of a number that is drawn: more would not change a model, and are hard to read
# What a trial reads, where it is written and what it is measured by are the same for all trials.
NOT_SEARCHED = frozenset({
    "output", "resume", "seed", "seeds", "compare", "task", "data", "train", "dev", "test", "unlabelled", "metric",
    "problem", "device", "measure_test", "stop_if_worse", "eval_every", "zero_shot", "continue_from",
})  # fmt: skip
_DRAW, _ORDER = 640, 641  # name the random numbers

Value = int | float | str
Settings = dict[str, Value]  # of a trial, by the names of the settings


@dataclass(frozen=True)
class Choices:
    """One of several values."""

    name: str  # of the setting
    values: tuple[Value, ...]

    def at(self, fraction: float) -> Value:
        """The value at a fraction of the list, from 0 to below 1."""
        return self.values[int(fraction * len(self.values))]

    def __contains__(self, value: object) -> bool:
        return value in self.values


@dataclass(frozen=True)
class Range:
    """A number from ``low`` to ``high``. Two integers make a range of integers."""

    name: str  # of the setting
    low: int | float
    high: int | float
    log: bool = False

    @property
    def of_integers(self) -> bool:
        return isinstance(self.low, int) and isinstance(self.high, int)

    def at(self, fraction: float) -> Value:
        """The value at a fraction of the range, from 0 to below 1."""
        # Each integer has as much room as any other, also the two at the ends.
        low, high = (self.low - 0.5, self.high + 0.5) if self.of_integers else (self.low, self.high)
        if self.log:
            value = math.exp(math.log(low) + fraction * (math.log(high) - math.log(low)))
        else:
            value = low + fraction * (high - low)
        return self.rounded(value)

    def rounded(self, value: float) -> int | float:
        """A value of the range as a trial has it: an integer, or a number of few digits."""
        within = min(max(value, self.low), self.high)
        if self.of_integers:
            return min(max(round(within), int(self.low)), int(self.high))
        return min(max(float(f"{within:.{DIGITS}g}"), self.low), self.high)

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int | float) and self.low <= value <= self.high


Space = tuple[Choices | Range, ...]


def read_space(texts: Sequence[str]) -> Space:
    """The space that --space describes. Each text may hold several parts, with spaces between them.

    Raises:
        InputError: if a part is not as above, if its name is no flag or no flag to search, if the flag does not take
            its values, or if a name is there twice.
    """
    parts = [_part(text) for text in itertools.chain.from_iterable(text.split() for text in texts)]
    names = [part.name for part in parts]
    if not names:
        raise InputError("--space: is empty; flags and their values were expected, such as epochs=2..5")
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"--space: {flag(name)} is there twice; give all its values at once")
    return tuple(parts)


def as_flags(settings: Settings) -> list[str]:
    """The flags that give a run these settings."""
    return [f"{flag(name)}={value}" for name, value in settings.items()]


def _part(text: str) -> Choices | Range:
    name, equals, described = text.partition("=")
    name = name.removeprefix("--")
    if not equals or not name or not described:
        raise InputError(f"--space {text}: FLAG=LOW..HIGH or FLAG=VALUE,VALUE was expected, such as epochs=2..5")
    described, _, scale = described.partition(":") if ".." in described else (described, "", "")
    if ".." not in described:
        setting, values = _values_of(name, described.split(","), text)
        if len(set(values)) < len(values):
            raise InputError(f"--space {text}: a value is there twice; leave one of them out")
        return Choices(setting, tuple(values))
    setting, ends = _values_of(name, described.split("..", 1), text)
    low, high = ends
    if isinstance(low, str) or isinstance(high, str):
        raise InputError(f"--space {text}: a range has a number at each end; list the values, with commas between them")
    if not low < high:
        raise InputError(f"--space {text}: the lower end of a range comes first, and the two differ")
    if scale not in ("", "log") or (scale == "log" and low <= 0):
        raise InputError(f"--space {text}: after a range only :log was expected, and for it a lower end above 0")
    return Range(setting, low, high, scale == "log")


def _values_of(name: str, texts: Sequence[str], source: str) -> tuple[str, list[Value]]:
    """The setting of a flag, and its values as the flag reads them."""
    parser, found = make_parser(None), []
    for text in texts:
        try:
            [(setting, value)] = vars(parser.parse_args([f"--{name}={text}"])).items()
        except InputError as error:
            raise InputError(f"--space {source}: {error}") from None
        if setting in NOT_SEARCHED:
            raise InputError(f"--space {source}: --{name} is the same for all trials; give it as a flag, if at all")
        if not isinstance(value, int | float | str):
            raise InputError(f"--space {source}: --{name} takes several values at once; give it as a flag instead")
        found.append(value)
    return setting, found


def grid(space: Space, seed: int) -> list[Settings]:
    """All combinations of the values, in a random order, so that the first ones are a sample of all.

    Raises:
        InputError: if there are ranges of numbers that are no integers.
    """
    columns = []
    for part in space:
        if isinstance(part, Range) and not part.of_integers:
            raise InputError(
                f"--space: {flag(part.name)} is a range, and a grid needs lists, such as {part.low:g},{part.high:g}; "
                f"or give --method random"
            )
        columns.append(part.values if isinstance(part, Choices) else range(int(part.low), int(part.high) + 1))
    names = [part.name for part in space]
    combinations = [dict(zip(names, values)) for values in itertools.product(*columns)]
    return [combinations[index] for index in shuffled(np.arange(len(combinations)), len(combinations), seed, _ORDER)]


def draw(space: Space, *name: int) -> Settings:
    """Random settings, always the same ones for the same name (a seed, and numbers)."""
    fractions = random_fractions(*name, _DRAW, np.arange(len(space)))
    return {part.name: part.at(float(fraction)) for part, fraction in zip(space, fractions)}
