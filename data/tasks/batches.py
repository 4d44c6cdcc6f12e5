"""Rows to updates: what the training loop takes, for every kind of task.

    rows -> shuffled by (seed, epoch) -> sorted by length within buckets -> batches, in random order -> micro-batches

Rows of about one length stand in a batch, so that little of it is padding, and yet no epoch has the batches of another.
Where long rows have more labels than short ones, as the words of sentences, rows are not sorted: an update is a mean
over its labels, so that in a batch of short rows each label would weigh several times as much as in one of long rows.
The price is padding, on GPUs, where it is computed: 2.8 positions per token of CoNLL-2003's sentences, sorted 1.2.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch

from bert.errors import InputError
from bert.randomness import shuffled
from bert.tokenization.long_texts import ModelInput, pad_inputs
from data.packing import lay_end_to_end

BATCHES_PER_BUCKET = 50  # batches' worth of rows that are sorted by length together
_ROW_ORDER, _BATCH_ORDER = 500, 501  # name the random orders

Batch = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Update:
    """What one update of the weights is computed from.

    Attributes:
        micro_batches: this process's part of the batch, in as many parts as it accumulates.
        position: (epoch, batch) where the next update begins; ``TaskBatches`` resumes from it.
        examples: which rows they are, for messages.
    """

    micro_batches: list[Batch]
    position: tuple[int, int]
    examples: str


class TaskBatches:
    """The updates of a fine-tuning run, epoch after epoch without end.

    Every row is in every epoch once. The rows are dealt out so that the batches of an epoch differ by one row at most:
    none is left over, and none is so small that a process would have nothing to do. The global batch of an update is
    the same rows whatever the number of processes and micro-batches; each process has its own part of it.

    Args:
        lengths: of the rows, in positions.
        make_batch: the micro-batch of the rows of these numbers.
        batch_size: rows in an update, over all processes and micro-batches; where it does not divide the rows, updates
            have fewer.
        seed: names all the random numbers.
        process, processes: which part of each batch is this process's.
        accumulate: micro-batches in an update.
        position: ``Update.position`` of the update after which to go on; None: from the beginning.
        by_length: whether the rows of a batch are of about one length.
        packed: whether batches say how their tokens are laid end to end: for a GPU.

    Raises:
        InputError: where there are fewer rows than parts to share them out to.
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
        packed: bool = False,
    ):
        self._lengths, self._make_batch = np.asarray(lengths), make_batch
        self._batch_size, self._seed, self._by_length, self._packed = batch_size, seed, by_length, packed
        self._process, self._processes, self._accumulate = process, processes, accumulate
        self.position = (0, 0) if position is None else tuple(position)
        if len(lengths) < self.updates_per_epoch * accumulate * processes:
            raise InputError(
                f"{len(lengths):,} training examples in batches of {batch_size} cannot be shared out to {processes} "
                f"processes with {accumulate} micro-batches each; use fewer of both, or a larger --batch-size"
            )

    @property
    def updates_per_epoch(self) -> int:
        """How many batches the rows are dealt out to: as few as there can be of that size."""
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
        """The rows of each batch, by_length with those of one batch sorted."""
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
        micro_batches = [self._make_batch(part) for part in mine]
        return Update([packed(batch) if self._packed else batch for batch in micro_batches], position, examples)


def packed(batch: Batch) -> Batch:
    """A batch with packed_places and packed_boundaries (see ``lay_end_to_end``); one of several sequences in each
    example, some of which may be nothing but padding, stays as it is.
    """
    if batch["attention_mask"].ndim > 2:
        return batch
    places, boundaries = lay_end_to_end(batch["attention_mask"].numpy() != 0)
    return batch | {"packed_places": torch.from_numpy(places), "packed_boundaries": torch.from_numpy(boundaries)}


def input_batch(inputs: Sequence[ModelInput], pad_token_id: int) -> Batch:
    """Inputs as the tensors input_ids, token_type_ids and attention_mask, (batch, seq) int64."""
    padded = pad_inputs(inputs, pad_token_id)
    return {name: torch.from_numpy(values) for name, values in padded.items()}


def labelled_batch(rows: np.ndarray, inputs: Sequence[ModelInput], labels: np.ndarray, pad_token_id: int) -> Batch:
    """``input_batch`` of the rows of these numbers, with their ``labels`` as ``label_numbers`` gives them."""
    batch = input_batch([inputs[row] for row in rows], pad_token_id)
    return batch | {"labels": torch.from_numpy(labels[rows])}
