"""Texts or pairs -> windows: each pattern with the text in it, and a blank of as many masks as a word has pieces.

    {text} It was [MASK].      [CLS] a dull film it was [MASK] . [SEP]
                               [CLS] a dull film it was [MASK] [MASK] . [SEP]     if a word has two pieces

A text that is too long is cut, and its pattern never is.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from bert.errors import InputError
from bert.tasks.classification.read import Example
from bert.tasks.cloze.patterns import PAIR, TEXT, are_of_pairs, parts_of
from bert.tasks.cloze.verbalizer import Verbalizer, make_verbalizer
from bert.tasks.long_texts import parts_within
from bert.tasks.options import Options, Patterns
from bert.tasks.windows import Inputs, Window
from bert.tokenization.special_tokens import MASK, SEP
from bert.tokenization.tokenizer import Tokenizer


@dataclass(frozen=True, kw_only=True)
class ClozeWindow(Window):
    """A pattern with its text."""

    selected: Sequence[int] = ()  # the masks of its blank
    verbalizer: Verbalizer  # what may fill the blank, the same for all windows


def cloze_inputs(tokenizer: Tokenizer, examples: Sequence[Example], options: Options, source: str = "") -> Inputs:
    """The windows of each example: pattern by pattern, from the shortest blank to the longest.

    With ``options.long_texts`` "windows", a longer text is several windows of each.

    Raises:
        InputError: if there are no patterns, they do not fit the examples, or a pattern leaves no room for a text.
    """
    patterns, pairs = options.patterns, examples[0].second is not None
    if patterns is None:
        raise InputError(
            "cloze questions need patterns, and the run has none in its task.json; train it with --patterns"
        )
    if pairs != are_of_pairs(patterns):
        found = f"pairs, and its patterns have no {PAIR}" if pairs else f"single texts, and its patterns have {PAIR}"
        raise InputError(f"{patterns.source}: {source or 'the file'} has {found}; see --text-pair-column")
    if any((example.second is not None) != pairs for example in examples):
        raise InputError(
            f"{source or 'the file'}: holds texts and pairs, and a pattern is for one of them; split the file"
        )
    verbalizer = make_verbalizer(tokenizer, patterns)
    blanks = [
        (parts_of(pattern), masks, _room(tokenizer, patterns, number, masks, options.max_length))
        for number, pattern in enumerate(patterns.texts)
        for masks in verbalizer.lengths
    ]
    literals = {part: tokenizer.encode(part) for parts, _, _ in blanks for part in parts}
    literals[SEP] = [tokenizer.sep_token_id]
    firsts = [example.first for example in examples]
    ids = tokenizer.encode_batch([*firsts, *(example.second or "" for example in examples if pairs)], options.workers)
    windows, too_long = [], 0
    for first, second in zip(ids, ids[len(firsts) :] if pairs else [None] * len(firsts)):
        of_example = []
        for parts, masks, room in blanks:
            for fitting in parts_within(first, second, room, options.long_texts):
                pieces = literals | {TEXT: fitting[0], PAIR: fitting[1], MASK: [tokenizer.mask_token_id] * masks}
                of_example.append(_window(tokenizer, [(part, pieces[part]) for part in parts], verbalizer))
        windows.append(of_example)
        too_long += len(first) + len(second or ()) > min(room for _, _, room in blanks)
    return Inputs(windows, too_long)


def _room(tokenizer: Tokenizer, patterns: Patterns, number: int, masks: int, max_length: int) -> int:
    """How many pieces of the texts fit beside the pattern with its masks, [CLS] and the last [SEP]."""
    texts = (TEXT, PAIR)
    parts = parts_of(patterns.texts[number])
    own = [masks if part == MASK else len(tokenizer.encode(part)) for part in parts if part not in texts]
    taken, needed = 2 + sum(own), sum(part in texts for part in parts)
    if max_length - taken < needed:
        raise InputError(
            f"{patterns.source}: pattern {number + 1} takes {taken} tokens, and --max-length {max_length} leaves no "
            f"room for a text; shorten the pattern, or raise it"
        )
    return max_length - taken


def _window(tokenizer: Tokenizer, parts: Iterable[tuple[str, list[int]]], verbalizer: Verbalizer) -> ClozeWindow:
    ids, token_types, masks = [tokenizer.cls_token_id], [0], range(0)
    segment = 0
    for part, pieces in [*parts, ("", [tokenizer.sep_token_id])]:
        if part == MASK:
            masks = range(len(ids), len(ids) + len(pieces))
        ids += pieces
        token_types += [segment] * len(pieces)
        segment += part == SEP
    return ClozeWindow(
        input_ids=np.array(ids, np.int32),
        token_type_ids=np.array(token_types, np.int8),
        selected=masks,
        verbalizer=verbalizer,
    )
