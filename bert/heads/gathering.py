"""Rows of all processes, with their gradients: what a loss needs if it compares examples with each other.

    process 0      a b          process 1      c d e
    in both        a b . . .                   . . c d e       their own rows at their place, else 0
    summed         a b c d e                   a b c d e

The backward pass is the same sum: a process is given what its rows did to the losses of all.
"""

from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor


class Gathered(NamedTuple):
    """The rows of all processes, in their order."""

    values: Tensor  # (rows of all, ...)
    begin: int  # at which this process's rows begin

    @classmethod
    def alone(cls, rows: Tensor) -> "Gathered":
        """The rows (count, ...) of this process alone."""
        return cls(rows, 0)


def gathered(rows: Tensor) -> Gathered:
    """The rows (count, ...) of all processes. Their numbers may differ. Without other processes it gives them back."""
    if not dist.is_available() or not dist.is_initialized():
        return Gathered.alone(rows)
    rank, counts = dist.get_rank(), torch.zeros(dist.get_world_size(), dtype=torch.int64)
    counts[rank] = len(rows)
    dist.all_reduce(counts)  # on the CPU: a GPU does not synchronise
    begin, total = int(counts[:rank].sum()), int(counts.sum())
    if total == 0:
        return Gathered.alone(rows)
    return Gathered(_Gather.apply(rows, begin, total), begin)  # pyright: ignore[reportArgumentType]


class _Gather(torch.autograd.Function):
    """All processes' rows, as the sum of tensors that have one process's rows each. A sum with zeros is exact."""

    @staticmethod
    def forward(context: Any, rows: Tensor, begin: int, total: int) -> Tensor:
        context.place = slice(begin, begin + len(rows))
        everyones = rows.new_zeros(total, *rows.shape[1:])
        everyones[context.place] = rows
        dist.all_reduce(everyones)
        return everyones

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = gradients
        gradient = gradient.contiguous().clone()
        dist.all_reduce(gradient)
        return gradient[context.place], None, None
