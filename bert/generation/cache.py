"""What the decoder keeps of the positions before, so that each new position is computed once.

A decoder writes one piece after another. The keys and values of earlier pieces stay the same, since no piece attends to
a later one. So each step projects the newest piece alone. The encoder's keys and values never change at all.

    rows        0    1    2    3        hypotheses; here two beams for each of two sources
    groups      0    0    1    1        the source that a row attends to: its keys are kept once
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from bert import fast
from bert.model.sequences import Sequences

GROWTH = 16  # positions that the cache has room for at first, and more when it is full
AT_ONCE = 2**20  # bytes that ``reorder`` moves at once: about half of a processor core's own cache


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
        is_source: (sources, seq) bool, False at padding. None: there is no padding.
    """

    def __init__(self, memory: list[tuple[Tensor, Tensor]], is_source: Tensor | None):
        self.position = 0  # of the piece that the next step reads
        self._memory = memory
        self._is_source = None if is_source is None else is_source[:, None, None]  # (sources, 1, 1, seq)
        self._groups = list(range(len(memory[0][0])))
        self._written: Tensor | None = None  # (capacity, 2 * layers, rows, heads, dim)

    def __len__(self) -> int:
        """The number of rows."""
        return len(self._groups)

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Each row's newest piece attends to all pieces of its row: three of (rows, heads, dim) -> (rows, heads, dim).

        Keeps the key and the value.
        """
        if self._written is None or self.position == len(self._written):
            self._grow(key)
        assert self._written is not None
        newest = self._written[self.position]
        newest[2 * layer], newest[2 * layer + 1] = key, value
        written = self._written[: self.position + 1].permute(1, 2, 3, 0, 4)  # (2 * layers, rows, heads, seq, dim)
        return attend(query.unsqueeze(2), written[2 * layer], written[2 * layer + 1], None).squeeze(2)

    def attend_to_memory(self, layer: int, query: Tensor) -> Tensor:
        """Each row's newest piece attends to the row's source: (rows, heads, dim) -> (rows, heads, dim)."""
        if not len(self):
            return query
        keys, values = self._memory[layer]
        query = query.unflatten(0, (len(keys), -1)).transpose(1, 2)  # (groups, heads, rows of each, dim)
        return attend(query, keys, values, self._is_source).transpose(1, 2).flatten(0, 1)

    def reorder(self, rows: Tensor) -> None:
        """Takes rows in another order, some perhaps several times and others not at all.

        Args:
            rows: (new_rows,) int64, the row of today that each new row goes on from.
        """
        order = rows.tolist()
        if order == list(range(len(self))):
            return
        if self._written is not None:
            self._written = self._reordered(self._written, rows)
        groups = [self._groups[row] for row in order]
        if groups != self._groups:
            self._regroup(groups, rows.device)

    def _reordered(self, written: Tensor, rows: Tensor) -> Tensor:
        """``written`` with other rows; in place if there are as many, so that a large cache is not there twice."""
        capacity, both, _, *each = written.shape
        into = written if len(rows) == len(self) else written.new_empty(capacity, both, len(rows), *each)
        positions = max(1, AT_ONCE // (into[0].nbytes + 1))
        parts = (each[: self.position].split(positions) for each in (into, written))
        for part, before in zip(*parts):
            part.copy_(before.index_select(2, rows))
        return into

    def _regroup(self, groups: list[int], device: torch.device) -> None:
        """Keeps the keys and values of these groups.

        If every source has the same number of rows, side by side, its keys are kept once, else once for each row.
        """
        kept = list(dict.fromkeys(groups))
        each = len(groups) // max(len(kept), 1)
        if groups != [group for group in kept for _ in range(each)]:
            kept, each = groups, 1
        if kept != list(range(len(self._memory[0][0]))):
            indices = torch.tensor(kept, dtype=torch.int64, device=device)
            self._memory = [(keys[indices], values[indices]) for keys, values in self._memory]
            self._is_source = None if self._is_source is None else self._is_source[indices]
        self._groups = [group for group in range(len(kept)) for _ in range(each)]

    def _grow(self, key: Tensor) -> None:
        """Makes room for more positions."""
        room = key.new_empty(GROWTH, 2 * len(self._memory), *key.shape)
        self._written = room if self._written is None else torch.cat([self._written, room])


@fast.sooner("attention:attend_in_rows")
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
