"""Replay: examples of earlier tasks come back between the new ones (Robins 1995; Chaudhry et al. 2019).

    new new OLD new new OLD new new OLD ...        --replay-every 2

It is the plainest of the methods, and the strongest if the task is unknown at prediction. Only replay shows old and
new labels to the same softmax.
"""

from dataclasses import dataclass

import numpy as np

from bert.errors import InputError
from bert.randomness import random_integers, shuffled
from bert.tasks.batches import TaskBatches

REPLAY_EVERY = 2  # new updates before each replayed one: a third of all updates
_RESERVOIR, _ORDER = 700, 701  # name the random numbers


def reservoir(count: int, kept: int, seed: int) -> list[int]:
    """The indices of ``kept`` of ``count`` examples, each equally likely, from one pass over them.

    The first ones fill the reservoir. Example i then takes a random place among i + 1, if the reservoir has that place.
    Source: Vitter 1985, "Random Sampling with a Reservoir", algorithm R.
    """
    indices = list(range(min(kept, count)))
    if kept < count:
        places = random_integers(0, np.arange(kept, count), seed, _RESERVOIR, np.arange(kept, count))
        for index, place in enumerate(places.tolist(), start=kept):
            if place < kept:
                indices[place] = index
    return sorted(indices)


def drawn(first: int, size: int, count: int, seed: int, purpose: int = _ORDER) -> np.ndarray:
    """(size,) the examples from ``first`` on in an endless sequence: all ``count`` in one order, then in another.

    So each comes as often as every other one, give or take one.
    """
    numbers = np.arange(first, first + size)
    cycles, places = numbers // count, numbers % count
    parts = [shuffled(places[cycles == cycle], count, seed, cycle, purpose) for cycle in np.unique(cycles).tolist()]
    return np.concatenate(parts)


@dataclass(frozen=True)
class ReplayBatches(TaskBatches):
    """The updates of a run, some of which replay old rows.

    After every ``every`` updates of new rows there is one of old rows. An epoch of fewer updates ends with one: else a
    small file would never be followed by old rows. Position and processes are as in ``TaskBatches``.

    Args:
        old_rows: how many there are. Their indices follow those of the new rows.
        every: so many updates have new rows before each one of old rows.

    Raises:
        InputError: if there are fewer rows than parts, or batches are counted in tokens.
    """

    old_rows: int = 0
    every: int = REPLAY_EVERY

    def __post_init__(self):
        super().__post_init__()
        if self.batch_tokens is not None:
            raise InputError(
                "--batch-tokens counts tokens, and replay draws old examples by their number; give --batch-size instead"
            )
        if self._size < self.accumulate * self.processes:
            raise InputError(
                f"{self.old_rows} kept examples cannot be shared out to {self.processes} processes with "
                f"{self.accumulate} micro-batches each; use fewer of both, or keep more examples (--keep)"
            )

    @property
    def updates_per_epoch(self) -> int:
        """The updates of new rows, and the replayed ones between them."""
        return self.batches_per_epoch + self._replays

    @property
    def _replays(self) -> int:
        """In an epoch."""
        return max(1, self.batches_per_epoch // self.every)

    @property
    def _size(self) -> int:
        """Of a replayed batch."""
        return min(self.batch_size, self.old_rows)

    def _batches_of_epoch(self, epoch: int) -> list[np.ndarray]:
        batches = []
        replays = epoch * self._replays  # before this epoch
        every = min(self.every, self.batches_per_epoch)
        for number, batch in enumerate(super()._batches_of_epoch(epoch), start=1):
            batches.append(batch)
            if number % every == 0:
                old = drawn(replays * self._size, self._size, self.old_rows, self.seed)
                batches.append(len(self.lengths) + old)
                replays += 1
        return batches
