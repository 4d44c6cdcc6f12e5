"""Texts or pairs -> windows. The head reads their pooled [CLS]."""

from collections.abc import Sequence

from bert.tasks.classification.read import Example
from bert.tasks.long_texts import fit_texts
from bert.tasks.options import Options
from bert.tasks.windows import Inputs, Window
from bert.tokenization.tokenizer import Tokenizer


def text_inputs(tokenizer: Tokenizer, examples: Sequence[Example], options: Options, source: str = "") -> Inputs:
    """The windows of each text or pair. There may be both: a pair has a second segment, a text has none."""
    windows: list[list[Window]] = [[] for _ in examples]
    too_long = 0
    for are_pairs in (False, True):
        indices = [index for index, example in enumerate(examples) if (example.second is not None) == are_pairs]
        if indices:
            firsts = [examples[index].first for index in indices]
            seconds = [examples[index].second or "" for index in indices] if are_pairs else None
            inputs = fit_texts(tokenizer, firsts, seconds, options.max_length, options.long_texts, options.workers)
            too_long += inputs.too_long
            for index, parts in zip(indices, inputs.windows):
                windows[index] = parts
    return Inputs(windows, too_long)
