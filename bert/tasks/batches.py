"""Training rows to updates, for every kind of task.

    rows -> shuffled by (seed, epoch) -> sorted by length within buckets -> batches, in random order -> micro-batches

The rows of a batch have about the same length, which is faster; and yet each epoch has other batches. Rows are not
sorted if long rows have more labels than short ones, as sentences of tagged words do. An update is a mean over its
labels. In a batch of short rows each label would then weigh several times as much as in a batch of long rows.
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


class TaskBatches:
    """The updates of a fine-tuning run, epoch after epoch without end.

    Every row is in every epoch once. The batches of an epoch differ by one row at most: no row is left over, and every
    process has something to do. An update has the same rows for any number of processes and micro-batches.

    Args:
        lengths: of the rows, in tokens.
        make_batch: the batch of the rows of these indices.
        batch_size: the most rows in an update, over all processes and micro-batches.
        seed: names all the random numbers.
        process, processes: which part of each batch is this process's.
        accumulate: micro-batches in an update.
        position: ``Update.position`` of the last update that was done; None: begin anew.
        by_length: whether the rows of a batch have about the same length.

    Raises:
        InputError: if there are fewer rows than parts.
    """

    def __init__(
        self,
        lengths: Sequence[int],
        make_batch: Callable[[np.ndarray], Batch],
        batch_size: int,
        seed: int,
        process: int = 0,
        processes: int = 1,
        accumulate: int = 1,
        position: tuple[int, int] | None = None,
        by_length: bool = True,
    ):
        self._lengths, self._make_batch = np.asarray(lengths), make_batch
        self._batch_size, self._seed, self._by_length = batch_size, seed, by_length
        self._process, self._processes, self._accumulate = process, processes, accumulate
        self.position = (0, 0) if position is None else (position[0], position[1])
        if len(lengths) < self.updates_per_epoch * accumulate * processes:
            raise InputError(
                f"{len(lengths):,} training examples in batches of {batch_size} cannot be shared out to {processes} "
                f"processes with {accumulate} micro-batches each; use fewer of both, or a larger --batch-size"
            )

    @property
    def updates_per_epoch(self) -> int:
        """The number of batches in an epoch: as few as ``batch_size`` allows."""
        return -(-len(self._lengths) // self._batch_size)

    def __iter__(self) -> Iterator[Update]:
        """The updates from ``position`` on, the same ones each time."""
        epoch, first = self.position
        while True:
            batches = self._batches_of_epoch(epoch)
            for number in range(first, len(batches)):
                yield self._update(batches[number], (epoch, number + 1))
            epoch, first = epoch + 1, 0

    def _batches_of_epoch(self, epoch: int) -> list[np.ndarray]:
        """The row indices of each batch."""
        count = len(self._lengths)
        order = shuffled(np.arange(count), count, self._seed, epoch, _ROW_ORDER)
        if not self._by_length:
            return np.array_split(order, self.updates_per_epoch)
        buckets = max(1, round(self.updates_per_epoch / BATCHES_PER_BUCKET))
        ends = np.linspace(0, self.updates_per_epoch, buckets + 1).round().astype(int)
        sizes = [len(part) for part in np.array_split(order, self.updates_per_epoch)]
        batches, start = [], 0
        for first, end in pairwise(ends):
            rows = order[start : start + sum(sizes[first:end])]
            start += len(rows)
            rows = rows[np.argsort(self._lengths[rows], kind="stable")]
            batches += np.split(rows, np.cumsum(sizes[first:end])[:-1])
        places = shuffled(np.arange(len(batches)), len(batches), self._seed, epoch, _BATCH_ORDER)
        return [batches[place] for place in places]

    def _update(self, rows: np.ndarray, position: tuple[int, int]) -> Update:
        parts = np.array_split(rows, self._processes * self._accumulate)
        mine = parts[self._process * self._accumulate :][: self._accumulate]
        examples = f"of epoch {position[0]}: the training inputs {', '.join(map(str, sorted(rows + 1)))}"
        return Update([self._make_batch(part) for part in mine], position, examples)
