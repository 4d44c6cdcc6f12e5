"""A window for each query, each text and each negative: ``[CLS] text [SEP]``."""

from collections.abc import Sequence

from bert.tasks.long_texts import each_alone
from bert.tasks.options import Options
from bert.tasks.retrieval.read import Search
from bert.tasks.windows import Inputs
from bert.tokenization.tokenizer import Tokenizer


def search_inputs(tokenizer: Tokenizer, examples: Sequence[Search], options: Options, source: str = "") -> Inputs:
    """The windows of each example: query, text, negatives. A longer text is cut. A text alone is its query as well.

    Raises:
        InputError: if ``options.long_texts`` is "windows", or not even the special tokens fit.
    """
    texts = [(each.asked, *each.texts) for each in examples]
    return each_alone(tokenizer, texts, options)
