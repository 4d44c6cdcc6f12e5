"""What decoding needs of a model: the next piece's probabilities, step by step; and what decoding gives.

    source -> encode -> memory -> start -> cache
    last pieces, cache -> step -> logits of the next pieces; the cache has grown by one position

A cache has a row for each output that is being written. Nothing is computed twice: it holds what the rows' earlier
positions gave.
"""

from typing import Any, NamedTuple, Protocol

from torch import Tensor

from bert import fast
from bert.errors import InputError


class Output(NamedTuple):
    """What was written for a source."""

    ids: list[int]  # without [CLS] and [SEP]
    log_probability: float  # of the whole output given the source, [SEP] included


class StepwiseCache(Protocol):
    """What a model remembers of its sources, and of each row so far."""

    def reorder(self, rows: Tensor) -> None:
        """Goes on with these rows, (new_rows,) int64: in another order, some repeated, others left out."""


class StepwiseModel(Protocol):
    """A model that writes."""

    def eval(self) -> Any:
        """Turns dropout off."""

    def encode(self, input_ids: Tensor, attention_mask: Tensor) -> Any:
        """Reads the sources, (sources, seq) each."""

    def start(self, memory: Any) -> StepwiseCache:
        """A cache with a row for each source, before the first position."""
        ...

    def step(self, pieces: Tensor, cache: Any) -> Tensor:
        """The logits (rows, vocabulary) of the pieces after ``pieces`` (rows,) int64; the cache grows by them."""
        ...


def next_log_probabilities(model: StepwiseModel, pieces: Tensor, cache: StepwiseCache) -> Tensor:
    """log P of each possible next piece, (rows, vocabulary) float32, after one more step.

    Raises:
        InputError: if the model's logits are not numbers.
    """
    log_probabilities = model.step(pieces, cache).float().log_softmax(dim=-1)
    if log_probabilities[:, 0].isnan().any():  # softmax spreads one bad logit over its whole row
        raise InputError("the model's scores are not numbers: its weights are too large; use another checkpoint")
    return log_probabilities


@fast.sooner("largest:largest")
def largest(scores: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The ``count`` largest scores of each row, the best first, and where they are.

    Args:
        scores: (rows, vocabulary)

    Returns:
        The scores (rows, count), and the pieces (rows, count) int64. Of equal scores any may come first.
    """
    values, pieces = scores.topk(count, dim=1)
    return values, pieces
