"""Sequences of unequal length as one list of tokens, without padding.

    tokens      [CLS] good [SEP] [CLS] not bad [SEP] [CLS] well [SEP]
    boundaries   0                3                   7                10

Every layer of BERT but one looks at each token alone, so a batch is simply a list of tokens. Attention is the
exception: it must know which tokens belong together. ``Sequences`` says that and nothing else.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Padding:
    """The places of tokens in a padded batch.

        padded (batch, seq)                 tokens

        [CLS]  good  [SEP]   .     .
        [CLS]  not   bad    [SEP]  .        [CLS] good [SEP] [CLS] not bad [SEP] [CLS] well [SEP]
        [CLS]  well  [SEP]   .     .

    Attributes:
        indices: (tokens,) int64, ascending: row * seq + column of each token.
        batch: the number of rows.
        seq: the number of columns.
    """

    indices: Tensor
    batch: int
    seq: int

    def pad(self, states: Tensor, value: float = 0.0) -> Tensor:
        """(tokens, ...) -> (batch, seq, ...), with ``value`` at padding."""
        padded = states.new_full((self.batch * self.seq, *states.shape[1:]), value)
        return padded.index_copy(0, self.indices, states).unflatten(0, (self.batch, self.seq))

    def unpad(self, padded: Tensor) -> Tensor:
        """(batch, seq, ...) -> (tokens, ...)"""
        return padded.flatten(0, 1).index_select(0, self.indices)


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
        """(sequences,) the index of the first token of each sequence, [CLS]."""
        return self.boundaries[:-1]

    @property
    def lengths(self) -> Tensor:
        """(sequences,)"""
        return self.boundaries.diff()

    def positions(self, tokens: int) -> Tensor:
        """(tokens,) the position of each token in its own sequence: 0, 1, 2, 0, 1, 2, 3, 0, 1, 2."""
        starts = self.first.repeat_interleave(self.lengths, output_size=tokens)
        return torch.arange(tokens, device=starts.device) - starts

    def select(self, indices: Tensor) -> "Sequences":
        """The same sequences, of selected tokens alone.

        Args:
            indices: (selected,) the tokens, ascending; each sequence's first one may be there twice.
        """
        boundaries = torch.searchsorted(indices, self.boundaries, out_int32=True)
        return Sequences(boundaries, min(self.longest + 1, len(indices)))

    @property
    def padding(self) -> Padding:
        """The places of the tokens if each sequence had a row of its own, as long as the longest."""
        lengths = self.lengths
        longest = int(lengths.max()) if len(lengths) else 0
        is_token = torch.arange(longest, device=lengths.device) < lengths[:, None]
        return Padding(is_token.flatten().nonzero().squeeze(1), len(lengths), longest)
