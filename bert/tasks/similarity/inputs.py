"""Two windows for each pair, one for each text: ``[CLS] text [SEP]``."""

from collections.abc import Sequence

from bert.tasks.classification.read import Example
from bert.tasks.long_texts import each_alone
from bert.tasks.options import Options
from bert.tasks.windows import Inputs
from bert.tokenization.tokenizer import Tokenizer


def pair_inputs(tokenizer: Tokenizer, examples: Sequence[Example], options: Options, source: str = "") -> Inputs:
    """The windows of each pair's texts. A longer text is cut.

    Raises:
        InputError: if ``options.long_texts`` is "windows", or not even the special tokens fit.
    """
    return each_alone(tokenizer, [(example.first, example.second or "") for example in examples], options)
