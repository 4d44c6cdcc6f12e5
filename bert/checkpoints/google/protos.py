"""Protocol buffers, as far as a checkpoint's index has them: a message is a row of numbered fields.

A field begins with a varint, 8 * number + wire type. Type 0 is another varint, type 2 a length and as many bytes, and
type 5 four bytes. A varint has 7 bits in each byte, the lowest first. The highest bit of a byte says that more follow.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from bert.errors import InputError

_LONGEST_VARINT = 10  # bytes, for 64 bits


def damaged(source: str, reason: str) -> InputError:
    """The error for a file that cannot be what TensorFlow wrote."""
    return InputError(f"{source}: is damaged ({reason}); copy the checkpoint's files again")


def read_varint(data: bytes, start: int, source: str) -> tuple[int, int]:
    """A number, and where it ends. Raises an InputError if it does not end, or has more than 64 bits.

    >>> read_varint(bytes([0b1010_1100, 0b10]), 0, "")
    (300, 2)
    """
    value = 0
    for place in range(start, min(start + _LONGEST_VARINT, len(data))):
        value |= (data[place] & 0x7F) << 7 * (place - start)
        if data[place] < 0x80:
            if value >> 64:
                break
            return value, place + 1
    raise damaged(source, f"a number at byte {start} does not end")


def write_varint(value: int) -> bytes:
    """The bytes of a number from 0.

    >>> read_varint(write_varint(300), 0, "")
    (300, 2)
    """
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def read_fields(data: bytes, source: str) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a message: each one's number and value. Raises an InputError if the message is damaged."""
    place = 0
    while place < len(data):
        tag, place = read_varint(data, place, source)
        if tag & 7 == 0:
            value, place = read_varint(data, place, source)
        elif tag & 7 in (2, 5):
            length, place = read_varint(data, place, source) if tag & 7 == 2 else (4, place)
            value, place = data[place : place + length], place + length
            if place > len(data):
                raise damaged(source, "a field is longer than its message")
            if tag & 7 == 5:
                value = int.from_bytes(value, "little")
        else:
            raise damaged(source, f"a field is of type {tag & 7}")
        yield tag >> 3, value


def write_field(number: int, value: int | bytes) -> bytes:
    """A field: a varint or bytes."""
    if isinstance(value, int):
        return write_varint(8 * number) + write_varint(value)
    return write_varint(8 * number + 2) + write_varint(len(value)) + value


@dataclass(frozen=True)
class Header:
    """What the index says of the whole checkpoint (BundleHeaderProto)."""

    shards: int = 0  # data files
    big_endian: bool = False
    oldest_reader: int = 0  # the version that a reader needs


@dataclass(frozen=True)
class Entry:
    """Where a tensor is (BundleEntryProto)."""

    dtype: int  # a number of TensorFlow's DataType
    shape: tuple[int, ...]
    shard: int  # which data file
    offset: int
    size: int  # bytes
    crc: int  # masked
    slices: tuple[tuple[tuple[int, int | None], ...], ...] = ()  # of a partitioned variable; each axis: start, length


def read_header(data: bytes, source: str) -> Header:
    """Raises an InputError if the message is damaged."""
    values: dict = dict(read_fields(data, source))
    version: dict = dict(read_fields(_message(values.get(3, b""), source), source))
    return Header(_number(values.get(1, 0), source), values.get(2, 0) != 0, _number(version.get(2, 0), source))


def read_entry(data: bytes, source: str) -> Entry:
    """Raises an InputError if the message is damaged."""
    numbers, shape, slices = dict.fromkeys((1, 3, 4, 5, 6), 0), (), []
    for number, value in read_fields(data, source):
        if number in numbers:
            numbers[number] = _number(value, source)
        elif number == 2:
            shape = tuple(axis.get(1, 0) for axis in _repeated(value, 2, source))
        elif number == 7:
            slices.append(tuple((axis.get(1, 0), axis.get(2)) for axis in _repeated(value, 1, source)))
    return Entry(numbers[1], shape, numbers[3], numbers[4], numbers[5], numbers[6], tuple(slices))


def write_entry(entry: Entry) -> bytes:
    """The message of a tensor that is in one piece, in the first data file."""
    shape = b"".join(write_field(2, write_field(1, size)) for size in entry.shape)
    crc = write_varint(8 * 6 + 5) + entry.crc.to_bytes(4, "little")
    return (
        write_field(1, entry.dtype) + write_field(2, shape) + write_field(4, entry.offset)
        + write_field(5, entry.size) + crc
    )  # fmt: skip


def _repeated(value: int | bytes, number: int, source: str) -> list[dict[int, int]]:
    """The messages in the fields of this number, each as its numbers by field."""
    return [
        {key: one for key, one in read_fields(_message(each, source), source) if isinstance(one, int)}
        for field, each in read_fields(_message(value, source), source)
        if field == number
    ]


def _message(value: int | bytes, source: str) -> bytes:
    if not isinstance(value, bytes):
        raise damaged(source, "a number stands for a message")
    return value


def _number(value: int | bytes, source: str) -> int:
    if not isinstance(value, int):
        raise damaged(source, "a message stands for a number")
    return value
