"""From pieces to a model's input: ``[CLS] first [SEP] second [SEP]``, cut to length, or in windows.

The input is Devlin et al. 2018, figure 2. Truncation and windows are as in the Rust library ``tokenizers``
(``TruncationParams``). Both tokenizers of this project end here.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from bert.errors import InputError

TRUNCATIONS = ("longest_first", "only_first", "only_second")


class Pieces(NamedTuple):
    """A text in pieces: three lists of the same length."""

    ids: list[int]
    offsets: list[tuple[int, int]]  # the piece was made from text[start:end]
    word_ids: list[int]  # the index of the piece's word

    def cut(self, start: int, end: int) -> "Pieces":
        """The pieces from ``start`` up to, not including, ``end``."""
        return Pieces(self.ids[start:end], self.offsets[start:end], self.word_ids[start:end])


@dataclass(frozen=True)
class Encoding:
    """A model's input for one text or pair of texts: lists of the same length, one entry per position.

    ``[CLS]`` and ``[SEP]`` come from no text. There ``offsets``, ``word_ids`` and ``sequence_ids`` are None.

    Attributes:
        input_ids: ids of the pieces, with ``[CLS]`` and ``[SEP]``.
        tokens: the same pieces as strings. The tokenizer adds them, since only it knows the vocabulary.
        token_type_ids: 0 up to the first ``[SEP]``, 1 after it.
        offsets: (start, end): the piece was made from ``text[start:end]``. They count characters in its own text
            (first or second). If the text is a list of words, they count in its own word.
        word_ids: the index of the piece's word in its own text, or in the list of words. At a word's first piece it
            differs from the one before.
        sequence_ids: 0 for pieces of the first text, 1 for the second. In question answering, 1 is the context.
    """

    input_ids: list[int] = field(default_factory=list)
    token_type_ids: list[int] = field(default_factory=list)
    offsets: list[tuple[int, int] | None] = field(default_factory=list)
    word_ids: list[int | None] = field(default_factory=list)
    sequence_ids: list[int | None] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.input_ids)


def join_pair(first: Pieces, second: Pieces | None, cls_token_id: int, sep_token_id: int) -> Encoding:
    """``[CLS] first [SEP]``, or ``[CLS] first [SEP] second [SEP]``."""
    encoding = Encoding()

    def add_special(token_id: int, token_type_id: int) -> None:
        encoding.input_ids.append(token_id)
        encoding.token_type_ids.append(token_type_id)
        encoding.offsets.append(None)
        encoding.word_ids.append(None)
        encoding.sequence_ids.append(None)

    add_special(cls_token_id, 0)
    for sequence_id, pieces in enumerate([first] if second is None else [first, second]):
        encoding.input_ids.extend(pieces.ids)
        encoding.token_type_ids.extend([sequence_id] * len(pieces.ids))
        encoding.offsets.extend(pieces.offsets)
        encoding.word_ids.extend(pieces.word_ids)
        encoding.sequence_ids.extend([sequence_id] * len(pieces.ids))
        add_special(sep_token_id, sequence_id)
    return encoding


def lengths_after_truncation(first: int, second: int, room: int, truncation: str) -> tuple[int, int]:
    """How many pieces of each text to keep, so that both fit into ``room`` pieces.

    "longest_first" takes pieces from the longer text. If both are longer than half of the room, each gets half. The
    odd piece goes to the longer text, or to the second if both were as long:

    >>> lengths_after_truncation(10, 3, 9, "longest_first")
    (6, 3)
    >>> lengths_after_truncation(10, 10, 9, "longest_first")
    (4, 5)

    Raises an InputError if cutting only one text cannot make both fit.
    """
    if truncation not in TRUNCATIONS:
        raise ValueError(f"truncation is {truncation!r}; it must be one of {', '.join(TRUNCATIONS)}")
    if first + second <= room:
        return first, second
    if truncation == "longest_first":
        shorter, longer = sorted((first, second))
        shorter = min(shorter, room // 2)
        longer = min(longer, room - shorter)
        return (longer, shorter) if first > second else (shorter, longer)
    kept = room - (second if truncation == "only_first" else first)
    if kept <= 0:
        raise InputError(
            f"the pair has {first} and {second} pieces, but there is room for {room}: {truncation!r} cannot "
            "make it fit; raise the maximum length, or truncate the longest first"
        )
    return (kept, second) if truncation == "only_first" else (first, kept)


def room_for_pieces(max_length: int, is_pair: bool) -> int:
    """How many pieces fit beside ``[CLS]`` and ``[SEP]``; raises an InputError if not even these fit."""
    room = max_length - (3 if is_pair else 2)
    if room < 0:
        special = max_length - room
        raise InputError(f"the maximum length is {max_length}, but [CLS] and [SEP] alone take {special}; raise it")
    return room


def truncated(first: Pieces, second: Pieces | None, max_length: int, truncation: str) -> tuple[Pieces, Pieces | None]:
    """The beginnings of both texts that fit into ``max_length``, special tokens included."""
    second_length = 0 if second is None else len(second.ids)
    room = room_for_pieces(max_length, is_pair=second is not None)
    keep_first, keep_second = lengths_after_truncation(len(first.ids), second_length, room, truncation)
    return first.cut(0, keep_first), None if second is None else second.cut(0, keep_second)


def window_bounds(length: int, size: int, overlap: int) -> list[tuple[int, int]]:
    """Windows of ``size`` pieces that together cover ``length`` pieces; neighbours share ``overlap``.

    >>> window_bounds(10, 5, 2)
    [(0, 5), (3, 8), (6, 10)]

    Raises an InputError if several windows are needed but they would not move on.
    """
    if length > size and not 0 <= overlap < size:
        raise InputError(
            f"windows have room for {max(size, 0)} pieces of a text, but neighbours share {overlap}: each must hold "
            f"more than it shares; raise the maximum length"
        )
    bounds = [(0, min(size, length))]
    while bounds[-1][1] < length:
        start = bounds[-1][0] + size - overlap
        bounds.append((start, min(start + size, length)))
    return bounds


def windows_over_pair(
    first: Pieces, second: Pieces | None, max_length: int, overlap: int
) -> list[tuple[Pieces, Pieces | None]]:
    """The last text (the second, or the only one) in windows, each beside the whole first text.

    Raises an InputError if the first text leaves no room for a window that moves on.
    """
    context = first if second is None else second
    size = room_for_pieces(max_length, is_pair=second is not None) - (0 if second is None else len(first.ids))
    windows = [context.cut(*bounds) for bounds in window_bounds(len(context.ids), size, overlap)]
    return [(window, None) if second is None else (first, window) for window in windows]
