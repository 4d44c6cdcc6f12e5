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


@dataclass(frozen=True, eq=False)
class Sequences:
    """Which tokens belong together.

    Attributes:
        boundaries: (sequences + 1,) the first token of each sequence, and the end of the last one.
        longest: no sequence is longer.
        columns: (tokens,) the position of each token; None: 0, 1, 2, ... in each sequence.
    """

    boundaries: Tensor
    longest: int
    columns: Tensor | None = None

    @property
    def first(self) -> Tensor:
        """(sequences,) the index of each sequence's first token, [CLS]."""
        return self.boundaries[:-1]

    @property
    def lengths(self) -> Tensor:
        """(sequences,)"""
        return self.boundaries.diff()

    def positions(self, input_ids: Tensor) -> Tensor:
        """(tokens,) the position of each token in its sequence: 0, 1, 2, 0, 1, 2, 3, 0, 1, 2 above."""
        if self.columns is not None:
            return self.columns
        return count(input_ids) - self.first.repeat_interleave(self.lengths, output_size=len(input_ids))

    def select(self, indices: Tensor) -> "Sequences":
        """The same sequences of selected tokens alone; indices: (selected,) ascending, some perhaps twice."""
        return Sequences(torch.searchsorted(indices, self.boundaries), len(indices))

    @cached_property
    def padding(self) -> "Padding":
        """The places of the tokens in a padded batch: a row for each sequence, as long as the longest."""
        lengths = self.lengths
        longest = int(lengths.max()) if len(lengths) else self.longest
        skipped = (count(lengths) * longest - self.first).repeat_interleave(lengths)  # padding before each token
        return Padding(count(skipped) + skipped, len(lengths), longest)


def count(values: Tensor) -> Tensor:
    """0, 1, 2, ... for each value."""
    return torch.ones_like(values).cumsum(0) - 1


@dataclass(frozen=True, eq=False)
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
        """The places of a batch's real tokens: attention_mask (batch, seq) is not 0 there. None means everywhere.

        A row without any is read as its first token of padding alone. Raises a ValueError if the shapes differ.
        """
        if attention_mask is None:
            attention_mask = torch.ones_like(input_ids)
        if attention_mask.shape != input_ids.shape:
            raise ValueError(f"attention_mask is {tuple(attention_mask.shape)}, but input_ids {tuple(input_ids.shape)}")
        is_token = attention_mask != 0
        is_token[:, 0] |= ~is_token.any(dim=1)
        return cls(is_token.flatten().nonzero().squeeze(1), *input_ids.shape)

    @property
    def sequences(self) -> Sequences:
        """Each row as a sequence, whose tokens have their columns as positions."""
        lengths = torch.bincount(self.indices // self.seq, minlength=self.batch)
        return Sequences(F.pad(lengths.cumsum(0), (1, 0)), self.seq, self.indices % self.seq)

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
        columns = (self.indices % self.seq).split([each.shape[-1] for each in weights])
        for row, its_columns in enumerate(columns):
            padded[row, its_columns[:, None], its_columns] = weights[row].permute(1, 2, 0)
        return padded.permute(0, 3, 1, 2)
