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
    last, end = None, 0
    for _, handle in _entries(_block(content, index, source), source):
        (offset, size), _ = _handle(handle, 0, source)
        if offset < end:  # else a small file could name a block a million times
            raise damaged(source, "its blocks overlap")
        end = offset + size
        for key, value in _entries(_block(content, (offset, size), source), source):
            if last is not None and key <= last:
                raise damaged(source, "its keys are not in order")
            values[key] = value
            last = key
        if len(values) > _MOST_KEYS:
            raise damaged(source, f"it has more than {_MOST_KEYS:,} keys")
    return values


def write_table(values: dict[bytes, bytes]) -> bytes:
    """A table with one data block, whose keys are written in full."""
    data, metaindex = _written_block(sorted(values.items())), _written_block([])
    index = _written_block([(max(values), _written_handle(0, data))])
    footer = _written_handle(len(data), metaindex) + _written_handle(len(data + metaindex), index)
    return data + metaindex + index + footer.ljust(_FOOTER - len(_MAGIC), b"\0") + _MAGIC


def _written_block(entries: list[tuple[bytes, bytes]]) -> bytes:
    block = b"".join(
        write_varint(0) + write_varint(len(key)) + write_varint(len(value)) + key + value for key, value in entries
    )
    block += bytes(4) + (1).to_bytes(4, "little")  # one restart point, the first key
    return block + bytes(1) + masked_crc32c(block, bytes(1)).to_bytes(4, "little")


def _written_handle(offset: int, block: bytes) -> bytes:
    return write_varint(offset) + write_varint(len(block) - _TRAILER)


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
    place, key, count = 0, b"", 0
    while place < end:
        shared, place = read_varint(block, place, source)
        length, place = read_varint(block, place, source)
        size, place = read_varint(block, place, source)
        if shared > len(key) or shared + length > _LONGEST_KEY or place + length + size > end:
            raise damaged(source, "a key or a value is longer than its block")
        key = key[:shared] + block[place : place + length]
        place, count = place + length + size, count + 1
        if count > _MOST_KEYS:
            raise damaged(source, f"it has more than {_MOST_KEYS:,} keys")
        yield key, block[place - size : place]
