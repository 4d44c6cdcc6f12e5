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
        """The log-probabilities, with -inf for the forbidden pieces.

        If the constraints leave no piece at all, ``[SEP]`` is allowed: an output may then be shorter than the minimum.

        Args:
            log_probabilities: (rows, vocabulary)
            written: (rows, 1 + length) int64, ``[CLS]`` and the pieces so far.
        """
        length, end = written.shape[1] - 1, self.pieces.end
        forbidden = log_probabilities.new_zeros(1, log_probabilities.shape[1], dtype=torch.bool)  # in every row
        forbidden[:, list(self.pieces.never)] = True
        forbidden[:, self.pieces.vocab_size :] = True
        if self.decoding.no_repeat_ngram:
            forbidden = forbidden | completes_again(written, self.decoding.no_repeat_ngram, forbidden.shape[1])
        if length < self.decoding.min_length:
            forbidden[:, end] = True
        elif length >= self.decoding.max_length:
            forbidden[:] = True
        is_stuck = forbidden.all(dim=1)
        forbidden[:, end] = forbidden[:, end] & ~is_stuck
        return log_probabilities.masked_fill(forbidden, -math.inf)


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
