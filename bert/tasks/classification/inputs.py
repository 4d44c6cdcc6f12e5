"""Texts or pairs -> windows. The head reads their pooled [CLS]."""

from collections.abc import Sequence

from bert.tasks.classification.read import Example
from bert.tasks.long_texts import fit_texts
from bert.tasks.options import Options
from bert.tasks.windows import Inputs
from bert.tokenization.tokenizer import Tokenizer


def text_inputs(tokenizer: Tokenizer, examples: Sequence[Example], options: Options, source: str = "") -> Inputs:
    """The windows of each text or pair. All examples are texts, or all are pairs."""
    firsts = [example.first for example in examples]
    is_single = examples[0].second is None
    seconds = None if is_single else [example.second or "" for example in examples]
    return fit_texts(tokenizer, firsts, seconds, options.max_length, options.long_texts, options.workers)
