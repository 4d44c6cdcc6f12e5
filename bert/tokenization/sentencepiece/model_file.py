"""Reading a SentencePiece ``.model`` file: a protocol buffer with the pieces and the rules for text.

The message is ``ModelProto`` in google/sentencepiece, ``src/sentencepiece_model.proto``. A protocol buffer is a row of
fields, each a key and a value. The key's upper bits are the field's number. Its lowest three say how the value is
written: as a varint, as 4 or 8 bytes, or as a length and that many bytes. These bytes may be a message again:

    0a 0e | 0a 05 e2 96 81 61 6e | 15 00 00 80 bf | ...
    field 1, 14 bytes: a piece
            field 1, 5 bytes: "▁an"    field 2, 4 bytes: its score, -1.0

Fields that we do not need are skipped, as the format asks. Nothing in a file is ever executed.
"""

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from bert.errors import InputError

# A model writes "▁" (LOWER ONE EIGHTH BLOCK) for a space. So text can be put together again.
SPACE_MARK = "\u2581"

_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5
# The library refuses pieces of this length, which bounds the work per piece.
_MAX_PIECE_BYTES = 8000


class Kind(IntEnum):
    """The kind of a piece (``ModelProto.SentencePiece.Type``)."""

    NORMAL = 1
    UNKNOWN = 2  # for text without a piece
    CONTROL = 3  # never in a text: [CLS], [SEP]
    USER_DEFINED = 4  # always one piece, anywhere in a text
    UNUSED = 5  # takes part in merges, but is split again
    BYTE = 6  # <0x00> to <0xFF>: spells text without a piece


@dataclass(frozen=True)
class NormalizerSettings:
    """How text is prepared (``NormalizerSpec``).

    Attributes:
        character_map: the compiled rules (see ``normalizer.CharacterMap``); empty for none.
        add_dummy_prefix: whether a text gets a space at its start, so that its first word is like the others.
        remove_extra_whitespaces: whether spaces at the ends are dropped and runs of spaces become one.
        escape_whitespaces: whether spaces are written as ``SPACE_MARK``.
    """

    character_map: bytes = b""
    add_dummy_prefix: bool = True
    remove_extra_whitespaces: bool = True
    escape_whitespaces: bool = True


@dataclass(frozen=True)
class SentencePieceModel:
    """The content of a ``.model`` file.

    Attributes:
        pieces, scores, kinds: of each piece, by id. A unigram model's scores are log-probabilities. A byte-pair model's
            are minus the rank of the merge. All are float32 values.
        is_unigram: whether it is a unigram model or a byte-pair model.
        byte_fallback: whether text without a piece is spelled in bytes.
        whitespace_as_suffix: whether spaces belong to the word before them.
        unknown_surface: what the unknown piece is decoded to.
        normalizer: how a text is prepared before it is cut.
        denormalizer: how a decoded text is changed; None: not at all.
    """

    pieces: list[str]
    scores: list[float]
    kinds: list[Kind]
    is_unigram: bool
    byte_fallback: bool
    whitespace_as_suffix: bool
    unknown_surface: str
    normalizer: NormalizerSettings
    denormalizer: NormalizerSettings | None

    @property
    def unknown_id(self) -> int:
        """The id of the unknown piece."""
        return self.kinds.index(Kind.UNKNOWN)


def parse_model(data: bytes, source: str = "the model") -> SentencePieceModel:
    """The model in the bytes of a ``.model`` file; ``source`` names them in errors.

    Raises an InputError if they are not a SentencePiece model of a type that we know, or contradict themselves.
    """
    try:
        return _parse_model(data)
    except InputError as error:
        raise InputError(f"{source}: {error}; a SentencePiece .model file (unigram or bpe) was expected") from None


def _parse_model(data: bytes) -> SentencePieceModel:
    pieces: list[tuple[str, float, Kind]] = []
    # Two messages of one field are one message with the fields of both. So their bytes can be joined.
    parts: dict[int, list[bytes]] = {2: [], 3: [], 5: []}
    for field in _fields(data):
        if field.number == 1 and field.wire_type == _LENGTH:
            pieces.append(_parse_piece(field.content, token_id=len(pieces)))
        elif field.number in parts and field.wire_type == _LENGTH:
            parts[field.number].append(field.content)
    messages = {number: b"".join(contents) for number, contents in parts.items()}
    integers, contents = _by_number(messages[2])  # of TrainerSpec
    model_type = integers.get(3, 1)
    if model_type not in (1, 2):
        name = {3: "word", 4: "char"}.get(model_type, model_type)
        raise InputError(f"its model type is {name}, which this reader lacks")
    model = SentencePieceModel(
        pieces=[piece for piece, _, _ in pieces],
        scores=[score for _, score, _ in pieces],
        kinds=[kind for _, _, kind in pieces],
        is_unigram=model_type == 1,
        byte_fallback=bool(integers.get(35, 0)),
        whitespace_as_suffix=bool(integers.get(24, 0)),
        unknown_surface=_decoded(contents.get(44, b" \xe2\x81\x87 "), "the unknown piece's surface"),
        normalizer=_parse_normalizer(messages[3]),
        denormalizer=_parse_normalizer(messages[5]) if messages[5] else None,
    )
    _check(model)
    return model


def _parse_piece(data: bytes, token_id: int) -> tuple[str, float, Kind]:
    piece, score, kind = b"", 0.0, int(Kind.NORMAL)
    for field in _fields(data):
        if field.number == 1 and field.wire_type == _LENGTH:
            piece = field.content
        elif field.number == 2 and field.wire_type == _FOUR_BYTES:
            (score,) = struct.unpack("<f", field.content)
        elif field.number == 3 and field.wire_type == _VARINT:
            kind = field.integer
    if not piece or b"\0" in piece or len(piece) >= _MAX_PIECE_BYTES:
        raise InputError(f"its piece {token_id} is empty, holds a zero byte or is longer than {_MAX_PIECE_BYTES} bytes")
    if not math.isfinite(score):
        raise InputError(f"the score of its piece {token_id} is {score}")
    if kind not in Kind.__members__.values():
        raise InputError(f"its piece {token_id} is of the unknown kind {kind}")
    return _decoded(piece, f"its piece {token_id}"), score, Kind(kind)


def _parse_normalizer(data: bytes) -> NormalizerSettings:
    integers, contents = _by_number(data)
    return NormalizerSettings(
        contents.get(2, b""), bool(integers.get(3, 1)), bool(integers.get(4, 1)), bool(integers.get(5, 1))
    )


def _check(model: SentencePieceModel) -> None:
    """Raises an InputError if a check of the library fails: pieces are unique, and byte pieces complete."""
    if not model.pieces:
        raise InputError("it has no pieces")
    if model.kinds.count(Kind.UNKNOWN) != 1:
        raise InputError(f"it has {model.kinds.count(Kind.UNKNOWN)} unknown pieces, and must have one")
    seen: set[tuple[str, bool]] = set()
    for piece, kind in zip(model.pieces, model.kinds):
        key = piece, kind in (Kind.NORMAL, Kind.USER_DEFINED, Kind.UNUSED)
        if key in seen:
            raise InputError(f"it has the piece {piece!r} twice")
        seen.add(key)
    byte_pieces = {piece for piece, kind in zip(model.pieces, model.kinds) if kind == Kind.BYTE}
    if byte_pieces != ({byte_piece(byte) for byte in range(256)} if model.byte_fallback else set()):
        raise InputError(
            f"it has {len(byte_pieces)} byte pieces; they must be <0x00> to <0xFF> with byte fallback, else none"
        )


def byte_piece(byte: int) -> str:
    """The piece that spells a byte: ``<0x0A>`` for a line feed."""
    return f"<0x{byte:02X}>"


def _decoded(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{name} is not UTF-8") from None


class _Field(NamedTuple):
    """A field of a message."""

    number: int
    wire_type: int
    integer: int = 0  # the value of a varint
    content: bytes = b""  # the value of any other type


def _by_number(data: bytes) -> tuple[dict[int, int], dict[int, bytes]]:
    """The integers and the byte strings of a message, each by field number. Of repeated fields the last counts."""
    fields = list(_fields(data))
    integers = {field.number: field.integer for field in fields if field.wire_type == _VARINT}
    return integers, {field.number: field.content for field in fields if field.wire_type == _LENGTH}


def _fields(data: bytes) -> Iterator[_Field]:
    """The fields of a message; raises an InputError if the bytes are not a row of fields."""
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        number, wire_type = key >> 3, key & 7
        if wire_type == _VARINT:
            integer, position = _varint(data, position)
            yield _Field(number, wire_type, integer=integer)
            continue
        if wire_type == _LENGTH:
            length, position = _varint(data, position)
        elif wire_type in (_FOUR_BYTES, _EIGHT_BYTES):
            length = 4 if wire_type == _FOUR_BYTES else 8
        else:
            raise InputError(f"byte {position} is not the start of a field")
        if number == 0 or position + length > len(data):
            raise InputError(f"it is damaged or cut off: a field of {length} bytes at byte {position} of {len(data)}")
        yield _Field(number, wire_type, content=data[position : position + length])
        position += length


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """The integer at ``position`` (seven bits per byte, the lowest first) and its end."""
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(data):
            raise InputError("it is cut off inside a number")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise InputError(f"the number that ends at byte {position} is longer than 64 bits")
