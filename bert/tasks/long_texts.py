"""Texts, and pairs of texts, to windows of at most a given length.

A longer text is cut, by the names of Sun et al. 2019 ("How to Fine-Tune BERT for Text Classification?", section
5.3.1), or it goes in several windows:

    head        the beginning is kept                   [CLS] a b c d e [SEP]
    tail        the end is kept                         [CLS] v w x y z [SEP]
    head+tail   a quarter of the room for the           [CLS] a w x y z [SEP]
                beginning, three for the end
    windows     all is kept, in windows that overlap    [CLS] a b c d e [SEP]  [CLS] c d e f g [SEP] ...
                by half, so that each word has context

Each text of a pair is cut in this way, the longer one first. Windows go over the longer text. Beside it each shows the
other text, of which at most half a window is kept.
"""

from collections.abc import Sequence
from itertools import islice

from bert.errors import InputError
from bert.tasks.options import LONG_TEXTS, Options
from bert.tasks.windows import Inputs, text_window
from bert.tokenization.encoding import lengths_after_truncation, room_for_pieces, window_bounds
from bert.tokenization.tokenizer import Tokenizer

Ids = list[int]


def fit_texts(
    tokenizer: Tokenizer,
    firsts: Sequence[str],
    seconds: Sequence[str] | None,
    max_length: int,
    long_texts: str = "head",
    processes: int = 1,
) -> Inputs:
    """The windows of texts, or of pairs of texts.

    Args:
        max_length: the most tokens in a window, special tokens included.
        long_texts: how a longer text becomes an input, one of ``LONG_TEXTS``.
        processes: how many tokenize; the result is the same.

    Raises:
        InputError: if not even the special tokens fit.
    """
    if long_texts not in LONG_TEXTS:
        raise ValueError(f"long_texts is {long_texts!r}; it must be one of {', '.join(LONG_TEXTS)}")
    room = room_for_pieces(max_length, is_pair=seconds is not None)
    ids = tokenizer.encode_batch([*firsts, *(seconds or ())], processes)
    pairs = [(first, None) for first in ids] if seconds is None else list(zip(ids, ids[len(firsts) :]))
    too_long = sum(len(first) + len(second or ()) > room for first, second in pairs)
    windows = [[text_window(tokenizer, *part) for part in parts_within(*pair, room, long_texts)] for pair in pairs]
    return Inputs(windows, too_long)


def parts_within(first: Ids, second: Ids | None, room: int, long_texts: str) -> list[tuple[Ids, Ids | None]]:
    """The (first, second) of each window; the two together have at most ``room`` pieces."""
    if len(first) + len(second or ()) <= room:
        return [(first, second)]
    if second is None:
        if long_texts == "windows":
            return [(first[start:end], None) for start, end in window_bounds(len(first), room, room // 2)]
        return [(_cut(first, room, long_texts), None)]
    if long_texts == "windows":
        whole, longer = sorted((first, second), key=len)
        whole = whole[: room // 2]
        size = room - len(whole)
        parts = [longer[start:end] for start, end in window_bounds(len(longer), size, size // 2)]
        return [(whole, part) if longer is second else (part, whole) for part in parts]
    keep_first, keep_second = lengths_after_truncation(len(first), len(second), room, "longest_first")
    return [(_cut(first, keep_first, long_texts), _cut(second, keep_second, long_texts))]


def _cut(ids: Ids, keep: int, long_texts: str) -> Ids:
    """``keep`` of the ids.

    >>> _cut([1, 2, 3, 4, 5, 6, 7, 8, 9], 4, "head+tail")
    [1, 7, 8, 9]
    """
    if len(ids) <= keep:
        return ids
    head = {"head": keep, "tail": 0, "head+tail": round(keep / 4)}[long_texts]  # Sun et al.: 128 of 510 pieces
    return ids[:head] + ids[len(ids) - (keep - head) :]


def each_alone(tokenizer: Tokenizer, texts: Sequence[Sequence[str]], options: Options) -> Inputs:
    """One window for each text of each example. A longer text is cut.

    Args:
        texts: of each example, at least one.

    Raises:
        InputError: if ``options.long_texts`` is "windows", or not even the special tokens fit.
    """
    if options.long_texts == "windows":
        raise InputError("--long-texts windows: a text has one vector, of one window; use head, tail or head+tail")
    flat = [text for each in texts for text in each]
    fitted = fit_texts(tokenizer, flat, None, options.max_length, options.long_texts, options.workers)
    windows = iter([only for (only,) in fitted.windows])
    return Inputs([list(islice(windows, len(each))) for each in texts], fitted.too_long)
