"""A sorted table of keys and values in one file, the form of a checkpoint's ``.index``.

    data blocks | metaindex block | index block | footer

The footer has the places of the last two. The index block has the places of the data blocks. A block ends with a byte
for its compression and a checksum. In a block, a key is written without what it shares with the key before it.

Source: tensorflow ``core/lib/io/format.cc`` and ``block_builder.cc``, which come from LevelDB.
"""

from collections.abc import Iterator
from pathlib import Path

from bert.checkpoints.google.crc32c import masked_crc32c
from bert.checkpoints.google.protos import damaged, read_varint, write_varint
from bert.errors import InputError
from bert.files.reading import read_bytes

_MAGIC = 0xDB4775248B80FB57.to_bytes(8, "little")
_FOOTER = 48  # bytes
_TRAILER = 5  # bytes after a block
# A BERT of 24 layers has 400 weights, and its index 40 kB. A hostile file must not fill memory.
_LONGEST_TABLE, _LONGEST_KEY, _MOST_KEYS = 1 << 25, 1 << 10, 1 << 16


def read_table(path: Path) -> dict[bytes, bytes]:
    """The values of a table by their keys. Raises an InputError if the file is damaged, or no such table."""
    content = read_bytes(path, _LONGEST_TABLE)
    if len(content) < _FOOTER or content[-8:] != _MAGIC:
        raise InputError(
            f"{path}: is cut short, or is no index of a TensorFlow checkpoint (its last 8 bytes are not the format's); "
            f"copy the checkpoint's files again"
        )
    source, footer = str(path), content[-_FOOTER:-8]
    metaindex, place = _handle(footer, 0, source)
    index, place = _handle(footer, place, source)
    if any(footer[place:]):
        raise damaged(source, "its footer holds more than two places")
    _block(content, metaindex, source)  # nothing in it is needed, but its checksum covers it
    values: dict[bytes, bytes] = {}
    last = None
    for _, handle in _entries(_block(content, index, source), source):
        block = _block(content, _handle(handle, 0, source)[0], source)
        for key, value in _entries(block, source):
            if last is not None and key <= last:
                raise damaged(source, "its keys are not in order")
            if len(values) == _MOST_KEYS:
                raise damaged(source, f"it has more than {_MOST_KEYS:,} keys")
            values[key] = value
            last = key
    return values


def write_table(values: dict[bytes, bytes]) -> bytes:
    """A table with one data block, whose keys are written in full."""
    content, handles = b"", []
    data = [(key, values[key]) for key in sorted(values)]
    for number in range(3):  # data, metaindex, index
        entries = (data, [], [(data[-1][0], handles[0])] if handles else [])[number]
        block = b"".join(
            write_varint(0) + write_varint(len(key)) + write_varint(len(value)) + key + value for key, value in entries
        )
        block += bytes(4) + (1).to_bytes(4, "little")  # one key is a restart point, the first
        handles.append(write_varint(len(content)) + write_varint(len(block)))
        content += block + bytes(1) + masked_crc32c(block, bytes(1)).to_bytes(4, "little")
    return content + (handles[1] + handles[2]).ljust(_FOOTER - 8, b"\0") + _MAGIC


def _handle(data: bytes, place: int, source: str) -> tuple[tuple[int, int], int]:
    """A block's offset and size, and where they end."""
    offset, place = read_varint(data, place, source)
    size, place = read_varint(data, place, source)
    return (offset, size), place


def _block(content: bytes, handle: tuple[int, int], source: str) -> bytes:
    """A block without its trailer, compared with its checksum."""
    offset, size = handle
    end = offset + size
    if end + _TRAILER > len(content) - _FOOTER:
        raise damaged(source, "a block would end after the file")
    if masked_crc32c(content[offset : end + 1]) != int.from_bytes(content[end + 1 : end + _TRAILER], "little"):
        raise damaged(source, "a block does not have its checksum")
    if content[end]:
        raise InputError(f"{source}: a block of it is compressed, as TensorFlow's checkpoints are not; save it anew")
    return content[offset:end]


def _entries(block: bytes, source: str) -> Iterator[tuple[bytes, bytes]]:
    """The keys and values of a block. Restart points, which serve to search in it, are passed over."""
    end = len(block) - 4 - 4 * int.from_bytes(block[-4:], "little")
    if len(block) < 4 or end < 0:
        raise damaged(source, "a block is shorter than its restart points")
    place, key = 0, b""
    while place < end:
        shared, place = read_varint(block, place, source)
        length, place = read_varint(block, place, source)
        size, place = read_varint(block, place, source)
        if shared > len(key) or shared + length > _LONGEST_KEY or place + length + size > end:
            raise damaged(source, "a key or a value is longer than its block")
        key = key[:shared] + block[place : place + length]
        place += length + size
        yield key, block[place - size : place]
