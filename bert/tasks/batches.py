"""Training rows to updates, for every kind of task.

    rows -> shuffled by (seed, epoch) -> sorted by length within buckets -> batches, in random order -> micro-batches

The rows of a batch have about the same length, which is faster. Each epoch has other batches all the same. Sentences of
tagged words are not sorted: long ones have more labels than short ones. An update is a mean over its labels. In a batch
of short sentences each label would weigh several times as much.

Batches may also have about the same number of tokens, as in translation (Vaswani et al. 2017, section 5.1). Then an
update takes many short rows or few long ones:

    rows -> shuffled by (seed, epoch) -> all sorted by length -> cut into equal parts of tokens, in random order
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from bert.errors import InputError
from bert.heads.batch import Batch
from bert.randomness import shuffled

BATCHES_PER_BUCKET = 50  # the rows of so many batches are sorted by length together
_ROW_ORDER, _BATCH_ORDER = 500, 501  # name the random orders


@dataclass(frozen=True)
class Update:
    """The data of one update of the weights."""

    micro_batches: list[Batch]  # this process's part of the batch
    position: tuple[int, int]  # (epoch, batch) at which the next update begins
    examples: str  # which rows they are, for messages


@dataclass(frozen=True)
class TaskBatches:
    """The updates of a fine-tuning run, epoch after epoch without end.

    Every row is in every epoch once. The batches of an epoch differ by one row at most. So no row is left over, and
    every process has something to do. An update has the same rows for any number of processes and micro-batches.

    With ``batch_tokens`` batches have about the same number of tokens instead. Epochs differ in the order of batches
    and in the rows of a batch, which change places with other rows of their length. So each epoch has as many batches.

    Raises:
        InputError: if there are fewer rows than parts, in all or in a batch.
    """

    lengths: Sequence[int]  # of the rows, in tokens
    make_batch: Callable[[np.ndarray], Batch]  # the batch of the rows of these indices
    batch_size: int  # the most rows in an update, over all processes and micro-batches
    seed: int  # names all the random numbers
    process: int = 0  # which part of each batch is this process's, from 0
    processes: int = 1
    accumulate: int = 1  # micro-batches in an update
    position: tuple[int, int] | None = None  # ``Update.position`` of the last update that was done; None: begin anew
    by_length: bool = True  # whether the rows of a batch have about the same length
    batch_tokens: int | None = None  # the most tokens in an update, in place of ``batch_size`` and ``by_length``

    def __post_init__(self):
        parts = self.accumulate * self.processes
        if self.batch_tokens is not None:
            fewest = min(self._sizes, default=0)
            if fewest < parts:
                raise InputError(
                    f"training examples of up to {max(self.lengths, default=0):,} tokens in batches of "
                    f"{self.batch_tokens:,} cannot be shared out to {self.processes} processes with {self.accumulate} "
                    f"micro-batches each, because a batch has as few as {fewest}; use fewer of both, or a larger "
                    f"--batch-tokens"
                )
        elif len(self.lengths) < self.batches_per_epoch * parts:
            raise InputError(
                f"{len(self.lengths):,} training examples in batches of {self.batch_size} cannot be shared out to "
                f"{self.processes} processes with {self.accumulate} micro-batches each; use fewer of both, or a larger "
                f"--batch-size"
            )

    @property
    def batches_per_epoch(self) -> int:
        """The number of batches that have every row once: as few as ``batch_size`` allows."""
        return -(-len(self.lengths) // self.batch_size) if self.batch_tokens is None else len(self._sizes)

    @property
    def updates_per_epoch(self) -> int:
        """The number of updates in an epoch: one for each batch."""
        return self.batches_per_epoch

    def __iter__(self) -> Iterator[Update]:
        """The updates from ``position`` on, the same ones each time."""
        epoch, first = self.position or (0, 0)
        while True:
            batches = self._batches_of_epoch(epoch)
            for number in range(first, len(batches)):
                yield self._update(batches[number], (epoch, number + 1))
            epoch, first = epoch + 1, 0

    def _batches_of_epoch(self, epoch: int) -> list[np.ndarray]:
        """The row indices of each batch."""
        lengths = np.asarray(self.lengths)
        order = shuffled(np.arange(len(lengths)), len(lengths), self.seed, epoch, _ROW_ORDER)
        if self.batch_tokens is not None:
            order = order[np.argsort(lengths[order], kind="stable")]
            return self._in_random_order(np.split(order, np.cumsum(self._sizes)[:-1]), epoch)
        if not self.by_length:
            return np.array_split(order, self.batches_per_epoch)
        buckets = max(1, round(self.batches_per_epoch / BATCHES_PER_BUCKET))
        ends = np.linspace(0, self.batches_per_epoch, buckets + 1).round().astype(int)
        sizes = [len(part) for part in np.array_split(order, self.batches_per_epoch)]
        batches, start = [], 0
        for first, end in pairwise(ends):
            rows = order[start : start + sum(sizes[first:end])]
            start += len(rows)
            rows = rows[np.argsort(lengths[rows], kind="stable")]
            batches += np.split(rows, np.cumsum(sizes[first:end])[:-1])
        return self._in_random_order(batches, epoch)

    def _in_random_order(self, batches: list[np.ndarray], epoch: int) -> list[np.ndarray]:
        places = shuffled(np.arange(len(batches)), len(batches), self.seed, epoch, _BATCH_ORDER)
        return [batches[place] for place in places]

    @cached_property
    def _sizes(self) -> list[int]:
        """How many of the sorted rows each batch by tokens has: the same in each epoch."""
        return sizes_by_tokens(np.sort(self.lengths), self.batch_tokens or 0)

    def _update(self, rows: np.ndarray, position: tuple[int, int]) -> Update:
        count = self.processes * self.accumulate
        if self.batch_tokens is None:
            parts = np.array_split(rows, count)
        else:
            parts = [rows[first::count] for first in range(count)]  # the rows are sorted: the parts have like lengths
        mine = parts[self.process * self.accumulate :][: self.accumulate]
        examples = f"of epoch {position[0]}: the training inputs {', '.join(map(str, sorted(rows + 1)))}"
        return Update([self.make_batch(part) for part in mine], position, examples)


def sizes_by_tokens(lengths: np.ndarray, most: int) -> list[int]:
    """The number of rows in each batch, if sorted rows are cut into batches of about the same number of tokens.

    No batch has more than ``most`` tokens, except that a row longer than that is a batch alone. We cut the line of all
    tokens into equal parts. A row belongs to the part that has its middle. If a part has too many tokens, there must be
    more parts. Filling one batch after another would leave a rest, and the rest might be a single row.

    >>> sizes_by_tokens(np.array([1, 1, 1, 1, 2, 2, 4]), 4)
    [4, 2, 1]
    """
    ends, total = np.cumsum(lengths), int(lengths.sum())
    count = -(-total // most)
    while True:
        part_of_row = (2 * ends - lengths) * count // (2 * total)
        _, sizes = np.unique(part_of_row, return_counts=True)
        tokens = np.add.reduceat(lengths, np.cumsum(sizes) - sizes)
        largest = int(tokens[sizes > 1].max(initial=0))
        if largest <= most:
            return sizes.tolist()
        count = -(-count * largest // most)
