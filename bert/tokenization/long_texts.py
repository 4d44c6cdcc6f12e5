"""From texts to inputs of at most a given length, and from inputs to padded arrays.

What is longer than the model is cut as Sun et al. 2019 ("How to Fine-Tune BERT for Text Classification?", section
5.3.1) name it, or goes through the model in several windows:

    head        the beginning is kept                   [CLS] a b c d e [SEP]
    tail        the end is kept                         [CLS] v w x y z [SEP]
    head+tail   a quarter of the room for the           [CLS] a w x y z [SEP]
                beginning, three for the end
    windows     all is kept, in windows that overlap    [CLS] a b c d e [SEP]  [CLS] c d e f g [SEP] ...
                by half, so that each word has context (of a pair: where one of the two fits into half of the room)
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bert.tokenization.encoding import lengths_after_truncation, room_for_pieces, window_bounds

LONG_TEXTS = ("head", "tail", "head+tail", "windows")


class ModelInput(NamedTuple):
    """input_ids: (seq,) int32, ``[CLS]`` and ``[SEP]`` included; first_length: how many of them have token type 0."""

    input_ids: np.ndarray
    first_length: int


class FittedTexts(NamedTuple):
    """inputs: for each text (or pair) its inputs, one or, where it goes in windows, several; too_long: how many texts
    did not fit as they were.
    """

    inputs: list[list[ModelInput]]
    too_long: int


def fit_texts(
    tokenizer, firsts: Sequence[str], seconds: Sequence[str] | None, max_length: int, long_texts: str = "head",
    processes: int = 1,
) -> FittedTexts:  # fmt: skip
    """The inputs for texts, or for pairs of texts.

    Args:
        tokenizer: a ``Tokenizer``.
        max_length: the most positions in an input, special tokens included.
        long_texts: what to do about a longer one, of ``LONG_TEXTS``. Of a pair, each text is cut so, the longer one
            first; windows go over the longer one, each beside all of the other, which is cut to half of the room where
            it is longer than that.
        processes: how many to tokenize with; the result is the same.

    Raises:
        InputError: where not even the special tokens fit.
    """
    if long_texts not in LONG_TEXTS:
        raise ValueError(f"long_texts is {long_texts!r}; it must be one of {', '.join(LONG_TEXTS)}")
    room = room_for_pieces(max_length, is_pair=seconds is not None)
    ids = tokenizer.encode_batch([*firsts, *(seconds or ())], processes)
    pairs = [(first, None) for first in ids] if seconds is None else list(zip(ids, ids[len(firsts) :]))
    too_long = sum(len(first) + len(second or ()) > room for first, second in pairs)
    inputs = [
        [_joined(tokenizer, *part) for part in _parts(first, second, room, long_texts)] for first, second in pairs
    ]
    return FittedTexts(inputs, too_long)


def pad_inputs(inputs: Sequence[ModelInput], pad_token_id: int) -> dict[str, np.ndarray]:
    """Inputs of unequal lengths as the arrays that the model takes.

    Returns:
        input_ids, token_type_ids, attention_mask: (batch, seq) int64.
    """
    lengths = np.array([len(ids) for ids, _ in inputs])
    longest = int(lengths.max(initial=1))
    input_ids = np.full((len(inputs), longest), pad_token_id, np.int64)
    for row, (ids, _) in zip(input_ids, inputs):
        row[: len(ids)] = ids
    seq = np.arange(longest)
    real = seq < lengths[:, None]
    second = real & (seq >= np.array([first_length for _, first_length in inputs])[:, None])
    return {
        "input_ids": input_ids,
        "token_type_ids": second.astype(np.int64),
        "attention_mask": real.astype(np.int64),
    }


def _parts(first: list[int], second: list[int] | None, room: int, long_texts: str):
    """The (first, second) that fit into ``room`` pieces: one, or for windows as many as it takes."""
    if len(first) + len(second or ()) <= room:
        return [(first, second)]
    if second is None and long_texts == "windows":
        return [(first[start:end], None) for start, end in window_bounds(len(first), room, room // 2)]
    if second is None:
        return [(_cut(first, room, long_texts), None)]
    if long_texts == "windows":
        whole, longer = sorted((first, second), key=len)
        whole = whole[: room // 2]
        size = room - len(whole)
        parts = [longer[start:end] for start, end in window_bounds(len(longer), size, size // 2)]
        return [(whole, part) if longer is second else (part, whole) for part in parts]
    keep_first, keep_second = lengths_after_truncation(len(first), len(second), room, "longest_first")
    return [(_cut(first, keep_first, long_texts), _cut(second, keep_second, long_texts))]


def _cut(ids: list[int], keep: int, long_texts: str) -> list[int]:
    """``keep`` of the ids.

    >>> _cut([1, 2, 3, 4, 5, 6, 7, 8, 9], 4, "head+tail")
    [1, 7, 8, 9]
    """
    if len(ids) <= keep:
        return ids
    head = {"head": keep, "tail": 0, "head+tail": round(keep / 4)}[long_texts]  # of 510 pieces 128, as Sun et al. did
    return ids[:head] + ids[len(ids) - (keep - head) :]


def _joined(tokenizer, first: list[int], second: list[int] | None) -> ModelInput:
    ids = [tokenizer.cls_token_id, *first, tokenizer.sep_token_id]
    first_length = len(ids)
    if second is not None:
        ids += [*second, tokenizer.sep_token_id]
    return ModelInput(np.array(ids, np.int32), first_length)
