"""From sources and targets to ids.

a text        [CLS] source [SEP]
a dialogue    [CLS] older turn [SEP] newer turn [SEP]
a target      [CLS] target [SEP]
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

import numpy as np

from bert.errors import InputError
from bert.tasks.generation.read import Pair
from bert.tasks.long_texts import parts_within
from bert.tasks.options import Options, Writing
from bert.tasks.windows import Inputs, text_window
from bert.tokenization.encoding import room_for_pieces
from bert.tokenization.tokenizer import Tokenizer


def source_inputs(tokenizer: Tokenizer, pairs: Sequence[Pair], options: Options, source: str = "") -> Inputs:
    """The window of each source. A long text is cut as ``options.long_texts`` says; a dialogue loses its oldest part.

    What is left of a dialogue begins with a piece of a turn. A turn without any piece is left out.

    Raises:
        InputError: if ``options.long_texts`` is "windows", or not even the special tokens fit.
    """
    if options.long_texts == "windows":
        raise InputError("--long-texts windows: an output is written for one input; use head, tail or head+tail")
    room = room_for_pieces(options.max_length, is_pair=False)
    turns = iter(tokenizer.encode_batch(list(chain.from_iterable(pair.source for pair in pairs)), options.workers))
    windows, too_long = [], 0
    for pair in pairs:
        ids: list[int] = []
        for turn in filter(None, [next(turns) for _ in pair.source]):
            ids += [tokenizer.sep_token_id, *turn] if ids else turn
        too_long += len(ids) > room
        ((kept, _),) = parts_within(ids, None, room, "tail" if len(pair.source) > 1 else options.long_texts)
        if kept[:1] == [tokenizer.sep_token_id]:
            kept = kept[1:]
        windows.append([replace(text_window(tokenizer, kept), name=pair.line)])
    return Inputs(windows, too_long)


def target_ids(writing: Writing, pairs: Sequence[Pair], source: str, workers: int = 1) -> tuple[list[np.ndarray], int]:
    """The ids of each target, (seq,) int32, and how many targets were cut to ``writing.max_length``.

    A target that was cut has no [SEP]: it did not end there.

    Raises:
        InputError: if a target has no piece at all.
    """
    tokenizer, targets, cut = writing.tokenizer, [], 0
    encoded = tokenizer.encode_batch([pair.target or "" for pair in pairs], workers)
    for pair, ids in zip(pairs, encoded):
        if not ids:
            raise InputError(
                f"{source}: line {pair.line}: no piece is left of the target {str(pair.target)[:80]!r}; a text was "
                f"expected: leave the row out"
            )
        ids = [tokenizer.cls_token_id, *ids, tokenizer.sep_token_id]
        cut += len(ids) > writing.max_length
        targets.append(np.array(ids[: writing.max_length], np.int32))
    return targets, cut
