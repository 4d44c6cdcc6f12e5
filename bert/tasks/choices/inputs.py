"""A context beside each of its choices: a window ``[CLS] context [SEP] choice [SEP]`` for each choice."""

from collections.abc import Sequence

from bert.errors import InputError
from bert.tasks.choices.read import Choices
from bert.tasks.long_texts import fit_texts
from bert.tasks.options import Options
from bert.tasks.windows import Inputs
from bert.tokenization.tokenizer import Tokenizer


def choice_inputs(tokenizer: Tokenizer, examples: Sequence[Choices], options: Options, source: str = "") -> Inputs:
    """The windows of each example, one for each choice. If the two texts are too long, the longer one is cut first.

    Raises:
        InputError: if ``options.long_texts`` is "windows", or not even the special tokens fit.
    """
    if options.long_texts == "windows":
        raise InputError("--long-texts windows: a context and its choice are one input; use head, tail or head+tail")
    windows, too_long = [], 0
    for example in examples:
        contexts = [example.context] * len(example.choices)
        fitted = fit_texts(tokenizer, contexts, example.choices, options.max_length, options.long_texts)
        windows.append([only for (only,) in fitted.windows])
        too_long += fitted.too_long > 0
    return Inputs(windows, too_long)
