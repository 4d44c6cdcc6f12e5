"""The tensors of a TensorFlow checkpoint: ``PREFIX.index``, and ``PREFIX.data-00000-of-00001`` or several such files.

The index says for each variable its number format, shape, file, offset, size and checksum. A tensor is read when it is
asked for. So the optimizer's, two thirds of a pretraining checkpoint, cost nothing.

Source: tensorflow ``core/protobuf/tensor_bundle.proto``, ``core/util/tensor_bundle/tensor_bundle.cc``.
"""

import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from bert.checkpoints.google.crc32c import masked_crc32c
from bert.checkpoints.google.partitions import joined, slice_key
from bert.checkpoints.google.protos import Entry, damaged, read_entry, read_header
from bert.checkpoints.google.table import read_table
from bert.errors import InputError
from bert.files.reading import open_to_read, require_file

# TensorFlow's numbers of formats (core/framework/types.proto).
_DTYPES = {
    1: torch.float32, 2: torch.float64, 3: torch.int32, 4: torch.uint8, 6: torch.int8, 9: torch.int64, 10: torch.bool,
    14: torch.bfloat16, 19: torch.float16,
}  # fmt: skip
DTYPE_NUMBERS = {dtype: number for number, dtype in _DTYPES.items()}
_MOST_AXES, _LARGEST_AXIS = 8, 2**31
_VERSION = 1  # of the format


class Bundle:
    """The variables of a checkpoint, by name.

    Args:
        prefix: the files' names without ``.index`` and ``.data-...``.

    Raises:
        InputError: if the index is missing, damaged, or of another format.
    """

    def __init__(self, prefix: Path):
        self.index = prefix.with_name(f"{prefix.name}.index")
        self._prefix, source = prefix, str(self.index)
        table = read_table(self.index)
        if b"" not in table:
            raise damaged(source, "it has no header")
        header = read_header(table.pop(b""), source)
        if header.big_endian or header.oldest_reader > _VERSION:
            what = "its numbers are big-endian" if header.big_endian else f"its version is {header.oldest_reader}"
            raise InputError(f"{source}: is of a format that is not read here ({what}); save it anew on a PC")
        self._shards = header.shards
        self._slices = {key: value for key, value in table.items() if key.startswith(b"\0")}  # of partitioned variables
        self.entries: dict[str, Entry] = {}
        for key in table.keys() - self._slices.keys():
            try:
                self.entries[key.decode()] = read_entry(table[key], source)
            except UnicodeDecodeError:
                raise damaged(source, "a variable's name is not UTF-8") from None

    def dtype(self, name: str) -> torch.dtype | None:
        """The number format of a variable. None: one that no weight has, such as texts."""
        return _DTYPES.get(self.entries[name].dtype)

    def read(self, name: str) -> Tensor:
        """A variable's values, in its own number format.

        Raises an InputError if they are damaged, in a file that is missing, or of a format that no weight has.
        """
        entry, source = self.entries[name], f"{self.index}: {name[:200]}"
        if not entry.slices:
            return self._read(entry, source)
        _check_shape(entry.shape, source)
        parts = []
        for one in entry.slices:
            places = [place for axis in one for place in axis if place is not None]
            if len(one) != len(entry.shape) or max(places, default=0) > _LARGEST_AXIS:
                raise damaged(source, "a slice does not fit into it")
            content = self._slices.get(slice_key(name, one))
            if content is None:
                raise damaged(source, "it has a slice that is not there")
            parts.append((one, self._read(read_entry(content, source), source)))
        return joined(entry.shape, parts, source)

    def _read(self, entry: Entry, source: str) -> Tensor:
        dtype = _DTYPES.get(entry.dtype)
        if dtype is None:
            raise InputError(f"{source}: is of TensorFlow's format {entry.dtype}; a tensor of numbers was expected")
        _check_shape(entry.shape, source)
        if entry.size != math.prod(entry.shape) * dtype.itemsize:
            raise damaged(source, f"it has {entry.size} bytes, not what its shape needs")
        if entry.shard >= self._shards:
            raise damaged(source, f"it is in file {entry.shard} of {self._shards}")
        path = self._prefix.with_name(f"{self._prefix.name}.data-{entry.shard:05d}-of-{self._shards:05d}")
        if require_file(path).st_size < entry.offset + entry.size:
            raise damaged(str(path), f"it is too short for {source}")
        with open_to_read(path) as file:
            file.seek(entry.offset)
            values = np.empty(entry.size, np.uint8)  # no more than the file has
            count = file.readinto(values)  # pyright: ignore[reportAttributeAccessIssue] (it has no compression)
        if count != entry.size or masked_crc32c(values) != entry.crc:
            raise damaged(str(path), f"the checksum is another one for {source}")
        return torch.from_numpy(values).view(dtype).reshape(entry.shape)


def _check_shape(shape: tuple[int, ...], source: str) -> None:
    if len(shape) > _MOST_AXES or not all(0 < size <= _LARGEST_AXIS for size in shape):
        raise damaged(source, "no weight has such a shape")
