"""The built-in task of generation: write a docstring's first paragraph from the rest of it.

The docstrings are those of the standard library and of the requirements (``data.text.docstring_summaries``). Training
and validation pairs come from different modules. Functions of one module resemble each other, and a model could copy
what it learned by heart.
"""

from collections import Counter
from collections.abc import Iterable

import numpy as np

from bert.randomness import shuffled
from bert.tasks.generation.read import Pair
from bert.training.script import Log
from data.text.docstring_summaries import DocstringSummary, read_docstring_summaries

DEV_PAIRS = 1_000
_MODULE_ORDER = 610  # names the random order
_NAMES = {"python": "the standard library", "sklearn": "scikit-learn"}


def summary_sets(log: Log, processes: int = 1) -> dict[str, tuple[str, list[Pair]]]:
    """The sets "train" and "dev", as (source, pairs). ``log`` is told which libraries this installation has.

    Args:
        processes: how many to parse with; the result is the same.
    """
    log("What does a docstring say in its first paragraph? Reading the docstrings.")
    summaries = list(read_docstring_summaries(processes))
    counts = Counter(_NAMES.get(each.library, each.library) for each in summaries)
    log("Pairs: " + ", ".join(f"{count:,} of {library}" for library, count in counts.items()) + ".")
    training, dev = summary_pairs(summaries)
    return {"train": ("the built-in summaries", training), "dev": ("the built-in summaries", dev)}


def summary_pairs(summaries: Iterable[DocstringSummary], dev_pairs: int = DEV_PAIRS) -> tuple[list[Pair], list[Pair]]:
    """Training and validation pairs, always the same: random modules, until there are enough for validation.

    A pair's ``line`` is its number among all.

    Args:
        dev_pairs: how many are enough. A fifth of all pairs is enough in any case.
    """
    summaries = list(summaries)
    sizes = Counter((each.library, each.module) for each in summaries)
    modules, enough = list(sizes), min(dev_pairs, len(summaries) // 5)
    dev_modules: set[tuple[str, str]] = set()
    held_out = 0
    for index in shuffled(np.arange(len(modules)), len(modules), _MODULE_ORDER).tolist():
        if held_out >= enough:
            break
        dev_modules.add(modules[index])
        held_out += sizes[modules[index]]
    training, dev = [], []
    for number, each in enumerate(summaries, start=1):
        chosen = dev if (each.library, each.module) in dev_modules else training
        chosen.append(Pair(number, (" ".join(each.sentences),), each.summary))
    return training, dev
