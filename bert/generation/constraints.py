"""Which pieces may come next. The others' log-probabilities become -inf; the rest is not normalized again.

special pieces      [PAD], [CLS], [MASK] and [UNK] are never written
minimum length      before it, no [SEP]
maximum length      at it, nothing but [SEP]
repeated n-grams    no piece that would complete a run of n pieces for the second time (Paulus et al. 2018)
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from bert.generation.decoding import Decoding
from bert.tokenization.tokenizer import Tokenizer


@dataclass(frozen=True)
class SpecialPieces:
    """The pieces of an output's vocabulary that stand for no text."""

    start: int  # [CLS], before the first piece
    end: int  # [SEP], after the last
    never: tuple[int, ...]  # are never written
    vocab_size: int  # a model may have rows for further pieces, which nothing spells

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> "SpecialPieces":
        """Raises an InputError if the tokenizer lacks ``[CLS]`` or ``[SEP]``."""
        start, end = tokenizer.cls_token_id, tokenizer.sep_token_id
        return cls(start, end, tuple(sorted(tokenizer.special_token_ids - {end})), tokenizer.vocab_size)


@dataclass(frozen=True)
class Constraints:
    """Forbids pieces, as ``decoding`` asks."""

    pieces: SpecialPieces
    decoding: Decoding

    def __call__(self, log_probabilities: Tensor, written: Tensor) -> Tensor:
        """The log-probabilities, with -inf for the forbidden pieces, in place.

        In place, since a copy of the table takes a tenth of a step with 128 rows.

        If the constraints leave no piece at all, ``[SEP]`` is allowed: an output may then be shorter than the minimum.

        Args:
            log_probabilities: (rows, vocabulary)
            written: (rows, 1 + length) int64, ``[CLS]`` and the pieces so far.
        """
        length, end = written.shape[1] - 1, self.pieces.end
        of_end = log_probabilities[:, end].clone()
        if length >= self.decoding.max_length:
            log_probabilities[:] = -math.inf
            log_probabilities[:, end] = of_end
            return log_probabilities
        for piece in self.pieces.never:
            log_probabilities[:, piece] = -math.inf
        log_probabilities[:, self.pieces.vocab_size :] = -math.inf
        if n := self.decoding.no_repeat_ngram:
            log_probabilities.masked_fill_(completes_again(written, n, log_probabilities.shape[1]), -math.inf)
        if length < self.decoding.min_length:
            log_probabilities[:, end] = -math.inf
            is_stuck = log_probabilities.amax(dim=1) == -math.inf
            log_probabilities[:, end] = of_end.where(is_stuck, -math.inf)
        return log_probabilities


def completes_again(written: Tensor, n: int, vocab_size: int) -> Tensor:
    """Which pieces would complete a run of ``n`` pieces that the row already has.

    >>> completes_again(torch.tensor([[1, 2, 3, 1]]), 2, 5).nonzero().tolist()  # 1 2 is there already
    [[0, 2]]

    Args:
        written: (rows, seq) int64

    Returns:
        (rows, vocab_size) bool
    """
    seen = written.new_zeros(len(written), vocab_size, dtype=torch.bool)
    if written.shape[1] < n:
        return seen
    runs = written.unfold(1, n, 1)  # (rows, seq - n + 1, n)
    last = written[:, None, written.shape[1] - n + 1 :]  # the n - 1 pieces before the next one
    begins_so = (runs[:, :, :-1] == last).all(dim=2)
    rows, places = begins_so.nonzero(as_tuple=True)
    seen[rows, runs[rows, places, -1]] = True
    return seen
