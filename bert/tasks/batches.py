"""Training rows to updates, for every kind of task.

    rows -> shuffled by (seed, epoch) -> sorted by length within buckets -> batches, in random order -> micro-batches

The rows of a batch have about the same length, which is faster. Each epoch has other batches all the same. Sentences of
tagged words are not sorted: long ones have more labels than short ones. An update is a mean over its labels. In a batch
of short sentences each label would weigh several times as much.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
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

    Raises:
        InputError: if there are fewer rows than parts.
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

    def __post_init__(self):
        if len(self.lengths) < self.batches_per_epoch * self.accumulate * self.processes:
            raise InputError(
                f"{len(self.lengths):,} training examples in batches of {self.batch_size} cannot be shared out to "
                f"{self.processes} processes with {self.accumulate} micro-batches each; use fewer of both, or a larger "
                f"--batch-size"
            )

    @property
    def batches_per_epoch(self) -> int:
        """The number of batches that have every row once: as few as ``batch_size`` allows."""
        return -(-len(self.lengths) // self.batch_size)

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
        places = shuffled(np.arange(len(batches)), len(batches), self.seed, epoch, _BATCH_ORDER)
        return [batches[place] for place in places]

    def _update(self, rows: np.ndarray, position: tuple[int, int]) -> Update:
        parts = np.array_split(rows, self.processes * self.accumulate)
        mine = parts[self.process * self.accumulate :][: self.accumulate]
        examples = f"of epoch {position[0]}: the training inputs {', '.join(map(str, sorted(rows + 1)))}"
        return Update([self.make_batch(part) for part in mine], position, examples)
