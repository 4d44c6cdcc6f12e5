"""Sequences of unequal length as one list of tokens, without padding.

    tokens      [CLS] good [SEP] [CLS] not bad [SEP] [CLS] well [SEP]
    boundaries   0                3                   7                10

Every layer of BERT but one looks at each token alone, so a batch is simply a list of tokens. Attention is the
exception: it must know which tokens belong together. ``Sequences`` says that and nothing else.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Sequences:
    """Which tokens belong together.

    Attributes:
        boundaries: (sequences + 1,) int32: the first token of each sequence, and the end of the last one.
        longest: no sequence is longer.
    """

    boundaries: Tensor
    longest: int

    @classmethod
    def of_lengths(cls, lengths: Tensor, longest: int) -> "Sequences":
        """lengths: (sequences,)"""
        return cls(F.pad(lengths.cumsum(0), (1, 0)).int(), longest)

    @property
    def first(self) -> Tensor:
        """(sequences,) the index of each sequence's first token, [CLS]."""
        return self.boundaries[:-1]

    @property
    def lengths(self) -> Tensor:
        """(sequences,)"""
        return self.boundaries.diff()

    def positions(self, tokens: int) -> Tensor:
        """(tokens,) the position of each token in its sequence: 0, 1, 2, 0, 1, 2, 3, 0, 1, 2 above."""
        starts = self.first.repeat_interleave(self.lengths, output_size=tokens)
        return torch.arange(tokens, device=starts.device) - starts

    def select(self, indices: Tensor) -> "Sequences":
        """The same sequences, of selected tokens alone.

        Args:
            indices: (selected,) ascending. A token may be there several times.
        """
        return Sequences(torch.searchsorted(indices, self.boundaries, out_int32=True), len(indices))

    @cached_property
    def padding(self) -> "Padding":
        """The places of the tokens in a padded batch: a row for each sequence, as long as the longest."""
        longest = int(self.lengths.max()) if len(self.lengths) else 0
        is_token = torch.arange(longest, device=self.boundaries.device) < self.lengths[:, None]
        return Padding(is_token.flatten().nonzero().squeeze(1), *is_token.shape)


@dataclass(frozen=True)
class Padding:
    """The places of tokens in a padded batch.

        (batch, seq)                        (tokens,)

        [CLS]  good  [SEP]   .     .
        [CLS]  not   bad    [SEP]  .        [CLS] good [SEP] [CLS] not bad [SEP] [CLS] well [SEP]
        [CLS]  well  [SEP]   .     .

    Attributes:
        indices: (tokens,) int64, row * seq + column of each token, ascending.
        batch, seq: the number of rows and of columns.
    """

    indices: Tensor
    batch: int
    seq: int

    @classmethod
    def of_mask(cls, attention_mask: Tensor | None, input_ids: Tensor) -> "Padding":
        """The places of a batch's real tokens. A row without any is read as its first token of padding alone.

        Args:
            attention_mask: (batch, seq), 0 at padding; None: there is none.
            input_ids: (batch, seq)

        Raises:
            ValueError: if the two shapes differ.
        """
        if attention_mask is None:
            return cls(torch.arange(input_ids.numel(), device=input_ids.device), *input_ids.shape)
        if attention_mask.shape != input_ids.shape:
            raise ValueError(
                f"attention_mask is {tuple(attention_mask.shape)}, but input_ids {tuple(input_ids.shape)}: both are "
                f"(batch, seq)"
            )
        is_token = attention_mask != 0
        is_token[:, 0] |= ~is_token.any(dim=1)
        return cls(is_token.flatten().nonzero().squeeze(1), *input_ids.shape)

    @property
    def columns(self) -> Tensor:
        """(tokens,)"""
        return self.indices % self.seq

    @property
    def sequences(self) -> Sequences:
        """Each row as a sequence."""
        return Sequences.of_lengths(torch.bincount(self.indices // self.seq, minlength=self.batch), self.seq)

    def pad(self, states: Tensor, value: float = 0.0) -> Tensor:
        """(tokens, ...) -> (batch, seq, ...), with ``value`` at padding."""
        padded = states.new_full((self.batch * self.seq, *states.shape[1:]), value)
        return padded.index_copy(0, self.indices, states).unflatten(0, (self.batch, self.seq))

    def unpad(self, padded: Tensor) -> Tensor:
        """(batch, seq, ...) -> (tokens, ...)"""
        return padded.flatten(0, 1).index_select(0, self.indices)

    def pad_attention(self, weights: list[Tensor]) -> Tensor:
        """Of each sequence (heads, length, length) -> (batch, heads, seq, seq), with 0 at padding."""
        padded = weights[0].new_zeros(self.batch, self.seq, self.seq, len(weights[0]))
        for row, columns in enumerate(self.columns.split(self.sequences.lengths.tolist())):
            padded[row, columns[:, None], columns] = weights[row].permute(1, 2, 0)
        return padded.permute(0, 3, 1, 2)
