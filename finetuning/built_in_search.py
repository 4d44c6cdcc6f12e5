"""The built-in task of retrieval: which text of the documentation belongs to a question?

The question is a docstring's first paragraph, and the text is the rest of it (``data.text.docstring_summaries``). So
the model becomes a search engine for the documentation of this Python and its libraries. Training and validation pairs
come from different modules. A pair gives itself away if both parts have the same name of a function or the like, such
as ``fit_transform``, and is left out.
"""

import re
from collections.abc import Iterable

import numpy as np

from bert.randomness import shuffled
from bert.tasks.generation.read import Pair
from bert.tasks.retrieval.read import Search
from bert.training.script import Log
from data.text.docstring_summaries import DocstringSummary, read_docstring_summaries
from finetuning.built_in_summaries import DEV_PAIRS, summary_pairs

_DEV_ORDER = 620  # names the random order
# A word with a capital, an underscore or a digit behind its first letter; or several words joined by points.
_NAME = re.compile(r"\b(?:[a-z]\w*[A-Z_0-9]\w*|[A-Z]\w*[a-z_0-9]\w*[A-Z_]\w*|_\w+|\w+(?:\.\w+)+)\b")


def search_sets(log: Log, processes: int = 1) -> dict[str, tuple[str, list[Search]]]:
    """The sets "train" and "dev", as (source, examples).

    Args:
        processes: how many to parse with; the result is the same.
    """
    log("Which text of the documentation belongs to a question? Reading the docstrings.")
    training, dev = search_pairs(read_docstring_summaries(processes))
    return {"train": ("the built-in search", training), "dev": ("the built-in search", dev)}


def search_pairs(summaries: Iterable[DocstringSummary]) -> tuple[list[Search], list[Search]]:
    """Training and validation examples, always the same ones.

    A fifth of the pairs, of random modules, is not for training. Of them ``DEV_PAIRS`` random ones are for validation:
    whole modules would be a set of near relations.
    """
    kept = [each for each in summaries if not names_in(each.summary) & names_in(" ".join(each.sentences))]
    training, dev = summary_pairs(kept, len(kept) // 5)
    order = shuffled(np.arange(len(dev)), len(dev), _DEV_ORDER)[:DEV_PAIRS]
    return list(map(_search, training)), [_search(dev[index]) for index in sorted(order.tolist())]


def names_in(text: str) -> set[str]:
    """The names of functions, classes and the like.

    >>> sorted(names_in("Like np.sort, fit_transform or BytesIO, but not Python's sort(). NaN is."))
    ['BytesIO', 'NaN', 'fit_transform', 'np.sort']
    """
    return set(_NAME.findall(text))


def _search(pair: Pair) -> Search:
    return Search(pair.line, pair.target or "", pair.source[0])
