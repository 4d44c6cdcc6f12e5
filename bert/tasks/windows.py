"""Windows: the model's inputs, one for a short example and several for a long one.

A long example goes in windows that overlap. So a word of it, or a sentence, may be in several windows. It counts in the
one with the most context on both sides ("maximum context", google-research/bert ``run_squad.py``).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from bert.heads.batch import Batch
from bert.tokenization.tokenizer import Tokenizer


@dataclass(frozen=True, kw_only=True)
class Window:
    """One input of the model; its length is in tokens."""

    input_ids: np.ndarray  # (tokens,) int32, [CLS] and [SEP] included
    token_type_ids: np.ndarray  # (tokens,) int8
    selected: Sequence[int] | None = ()  # positions whose last states the head reads; None: all; (): the pooler alone
    items: Sequence[int] = ()  # the words or sentences that ``selected`` stands for, by their index in the example
    name: int = 0  # of its example: random numbers that are drawn for it have this name

    def __len__(self) -> int:
        return len(self.input_ids)


WindowsOfEach = Sequence[Sequence[Window]]  # the windows of each example


class Inputs(NamedTuple):
    """The inputs of some examples."""

    windows: list[list[Window]]  # of each example
    too_long: int  # how many examples did not fit into one window as they were


def in_windows(windows: list[list[Window]]) -> Inputs:
    """The inputs of a kind that cuts nothing. An example is too long if it needs several windows."""
    return Inputs(windows, sum(len(parts) > 1 for parts in windows))


def text_window(tokenizer: Tokenizer, first: Sequence[int], second: Sequence[int] | None = None) -> Window:
    """``[CLS] first [SEP]``, or ``[CLS] first [SEP] second [SEP]``, for a head that reads the pooler alone."""
    ids = [tokenizer.cls_token_id, *first, tokenizer.sep_token_id]
    token_types = np.zeros(len(ids), np.int8)
    if second is not None:
        ids += [*second, tokenizer.sep_token_id]
        token_types = np.pad(token_types, (0, len(second) + 1), constant_values=1)
    return Window(input_ids=np.array(ids, np.int32), token_type_ids=token_types)


def most_context(candidates: Iterable[tuple[Any, float, Any]]) -> dict[Any, Any]:
    """The place with the most context for each item, sorted by item. Of equals it is the first.

    Args:
        candidates: (item, its context, the place).

    >>> most_context([("a", 3, "window 0"), ("b", 1, "window 0"), ("b", 2, "window 1"), ("a", 3, "window 1")])
    {'a': 'window 0', 'b': 'window 1'}
    """
    best: dict[Any, tuple[float, Any]] = {}
    for item, context, place in candidates:
        if item not in best or context > best[item][0]:
            best[item] = (context, place)
    return {item: best[item][1] for item in sorted(best)}


def batch_of(windows: Sequence[Window], choices: Sequence[int] | None = None, **labels: np.ndarray) -> Batch:
    """Windows end to end, as a head takes them.

    Args:
        choices: the number of choices of each example, in multiple choice.
        labels: what the head's loss takes, by name.
    """
    selected = None
    if windows[0].selected is not None:
        starts = np.cumsum([0, *map(len, windows)]).tolist()
        selected = [start + position for start, window in zip(starts, windows) for position in window.selected or ()]
    return Batch.of(
        [window.input_ids for window in windows],
        [window.token_type_ids for window in windows],
        selected,
        choices,
        **labels,
    )
