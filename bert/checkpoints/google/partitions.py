"""Partitioned variables: a variable in several slices, each under a key of its own in the checkpoint's index.

The key has the variable's name and the slice's place, written so that keys sort as what they say ("ordered code").
Source: tensorflow ``core/util/saved_tensor_slice_util.cc``, ``core/lib/strings/ordered_code.cc``.
"""

import math

import torch
from torch import Tensor

from bert.checkpoints.google.protos import damaged

Slice = tuple[tuple[int, int | None], ...]  # for each axis start and length; None: all of it


def slice_key(name: str, one: Slice) -> bytes:
    """The key of a slice. It begins with a zero byte, as no name does.

    >>> slice_key("embeddings", ((8, 4), (0, 300)))
    b'\\x00embeddings\\x00\\x01\\x01\\x02\\x88\\x84\\x80\\xc1,'
    """
    escaped = name.encode().replace(b"\0", b"\0\xff")  # UTF-8 has no byte 0xff, which would need an escape too
    places = b"".join(_signed(start) + _signed(-1 if length is None else length) for start, length in one)
    return b"\0" + escaped + b"\0\1" + bytes([1, len(one)]) + places


def joined(shape: tuple[int, ...], parts: list[tuple[Slice, Tensor]], source: str) -> Tensor:
    """The whole variable. Raises an InputError if the slices are not its parts, each number once."""
    if sum(part.numel() for _, part in parts) != math.prod(shape):  # before anything as large is made
        raise damaged(source, "its slices are not the whole")
    whole = torch.empty(shape, dtype=parts[0][1].dtype)
    filled = torch.zeros(shape, dtype=torch.bool)
    for one, part in parts:
        place = tuple(
            slice(start, start + (size if length is None else length)) for (start, length), size in zip(one, shape)
        )
        if whole[place].shape != part.shape or part.dtype != whole.dtype:
            raise damaged(source, "a slice does not fit into it")
        whole[place], filled[place] = part, True
    if not filled.all():
        raise damaged(source, "its slices overlap")
    return whole


def _signed(value: int) -> bytes:
    """A number as n bytes with the highest first. The first n bits are ones and the next is a zero; -1 is 0x7f."""
    if value < 0:
        return b"\x7f"
    count = value.bit_length() // 7 + 1
    first, *rest = value.to_bytes(count, "big")
    return bytes([first ^ (0xFF << 8 - count) & 0xFF, *rest])
