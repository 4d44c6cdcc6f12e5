"""The built-in task: which library does a passage of documentation come from? The labels come with the text.

A passage is two neighbouring sentences of one module's docstrings, from the built-in corpus
(``data.text.python_docs``). A passage that names a library gives itself away and is left out. Training and validation
examples come from different modules, so that the name of a module's subject is no help either.
"""

import re
from collections.abc import Iterable

import numpy as np

from bert.randomness import shuffled
from bert.tasks.classification.read import Example
from data.text.python_docs import PythonDocument

TRAINING_EXAMPLES, DEV_EXAMPLES = 2_000, 1_000
SENTENCES_IN_A_PASSAGE = 2
_MODULE_ORDER, _EXAMPLE_ORDER = 600, 601  # name the random orders
_NAMES = re.compile(r"torch|numpy|\bnp\b|python|tensor|ndarray", re.IGNORECASE)


def library_examples(documents: Iterable[PythonDocument]) -> tuple[list[Example], list[Example]]:
    """Training and validation examples, always the same; a fifth of the modules is for validation.

    An example's ``line`` is its number among all passages.
    """
    documents = list(documents)
    order = shuffled(np.arange(len(documents)), len(documents), _MODULE_ORDER)
    dev_modules = set(order[: len(documents) // 5].tolist())
    training, dev = [], []
    for index, document in enumerate(documents):
        chosen = dev if index in dev_modules else training
        for first in range(0, len(document.sentences), SENTENCES_IN_A_PASSAGE):
            passage = " ".join(document.sentences[first : first + SENTENCES_IN_A_PASSAGE])
            if not _NAMES.search(passage):
                chosen.append(Example(len(training) + len(dev) + 1, passage, None, document.library))
    return _some(training, TRAINING_EXAMPLES), _some(dev, DEV_EXAMPLES)


def _some(examples: list[Example], count: int) -> list[Example]:
    """At most ``count`` random examples, in their order."""
    order = shuffled(np.arange(len(examples)), len(examples), _EXAMPLE_ORDER)
    return [examples[index] for index in sorted(order[:count].tolist())]
