"""What the decoder keeps of the positions before, so that each new position is computed once.

A decoder writes one piece after another. The keys and values of earlier pieces stay the same, since no piece attends to
a later one. So each step projects the newest piece alone. The encoder's keys and values never change at all.

    rows        0    1    2    3        hypotheses; here two beams for each of two sources
    groups      0    0    1    1        the source that a row attends to: its keys are kept once
"""

import math
from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor

from bert.model.sequences import Sequences


@dataclass(frozen=True, eq=False)
class Memory:
    """What the encoder gives the decoder.

    Attributes:
        states: (tokens, hidden_size), the encoder's last states; hidden_size is the decoder's.
        sequences: which tokens belong together, a sequence for each source.
    """

    states: Tensor
    sequences: Sequences

    def __len__(self) -> int:
        """The number of sources."""
        return len(self.sequences.boundaries) - 1


class Cache:
    """The keys and values of every decoder layer, for rows that are written at the same time.

    Args:
        memory: of each layer the keys and the values of the sources, (sources, heads, seq, dim).
        is_source: (sources, seq) bool, False at padding.
    """

    def __init__(self, memory: list[tuple[Tensor, Tensor]], is_source: Tensor):
        self.position = 0  # of the piece that the next step reads
        self._memory, self._is_source = memory, is_source
        self._groups = list(range(len(is_source)))
        self._written: Tensor | None = None  # (2 * layers, rows, heads, capacity, dim)

    def __len__(self) -> int:
        """The number of rows."""
        return len(self._groups)

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Each row's newest piece attends to all pieces of its row: three of (rows, heads, dim) -> (rows, heads, dim).

        Keeps the key and the value.
        """
        if self._written is None or self.position == self._written.shape[-2]:
            self._grow(key)
        assert self._written is not None
        keys, values = self._written[2 * layer], self._written[2 * layer + 1]
        keys[:, :, self.position], values[:, :, self.position] = key, value
        end = self.position + 1
        return attend(query.unsqueeze(2), keys[:, :, :end], values[:, :, :end], None).squeeze(2)

    def attend_to_memory(self, layer: int, query: Tensor) -> Tensor:
        """Each row's newest piece attends to the row's source: (rows, heads, dim) -> (rows, heads, dim)."""
        if not len(self):
            return query
        keys, values = self._memory[layer]
        query = rearrange(query, "(groups rows) heads dim -> groups heads rows dim", groups=len(keys))
        attended = attend(query, keys, values, rearrange(self._is_source, "groups seq -> groups 1 1 seq"))
        return rearrange(attended, "groups heads rows dim -> (groups rows) heads dim")

    def reorder(self, rows: Tensor) -> None:
        """Takes rows in another order, some perhaps several times and others not at all.

        Args:
            rows: (new_rows,) int64, the row of today that each new row goes on from.
        """
        order = rows.tolist()
        if order == list(range(len(self))):
            return
        if self._written is not None:
            self._written = self._written.index_select(1, rows)
        groups = [self._groups[row] for row in order]
        if groups != self._groups:
            self._regroup(groups, rows.device)

    def _regroup(self, groups: list[int], device: torch.device) -> None:
        """Keeps the keys and values of these groups.

        If every source has the same number of rows, side by side, its keys are kept once, else once for each row.
        """
        kept = list(dict.fromkeys(groups))
        each = len(groups) // max(len(kept), 1)
        if groups != [group for group in kept for _ in range(each)]:
            kept, each = groups, 1
        if kept != list(range(len(self._is_source))):
            indices = torch.tensor(kept, dtype=torch.int64, device=device)
            self._memory = [(keys[indices], values[indices]) for keys, values in self._memory]
            self._is_source = self._is_source[indices]
        self._groups = [group for group in range(len(kept)) for _ in range(each)]

    def _grow(self, key: Tensor) -> None:
        """Makes room for twice as many positions."""
        heads, dim = key.shape[1:]
        written = key.new_empty(2 * len(self._memory), len(self), heads, max(16, 2 * self.position), dim)
        if self._written is not None:
            written[:, :, :, : self.position] = self._written
        self._written = written


def attend(query: Tensor, key: Tensor, value: Tensor, may_attend: Tensor | None) -> Tensor:
    """The equation of attention (``bert.model.attention``), for a batch of equally long sequences.

    Args:
        query: (batch, heads, queries, dim)
        key, value: (batch, heads, keys, dim)
        may_attend: bool, of a shape that broadcasts to (batch, heads, queries, keys). None: to all.

    Returns:
        (batch, heads, queries, dim)
    """
    scores = query @ key.mT / math.sqrt(query.shape[-1])
    if may_attend is not None:
        scores = scores.masked_fill(~may_attend, -math.inf)
    return scores.softmax(dim=-1) @ value
