"""Which documents are held out of the training, for validation.

A document's index in the corpus decides, whatever the seed. So every run on a corpus holds out the same documents. A
resumed or continued run never trains on them. One document in twenty of the first ten thousand is held out, and then
ever fewer: each with probability 500 / index. A large corpus thus gives up little (a million documents: 2,800; a
hundred million: 5,100). Still its held-out documents come from everywhere. Nobody has to count the documents first.
"""

import hashlib
from collections.abc import Iterable, Iterator

import numpy as np

_FRACTION = 0.05
_FIRST_HELD_OUT = 2  # a corpus of three documents already has one for validation and two to train on


def is_held_out(index: int) -> bool:
    """Whether the document with this index in the corpus is held out."""
    if index <= _FIRST_HELD_OUT:
        return index == _FIRST_HELD_OUT
    digest = hashlib.blake2b(index.to_bytes(8, "little"), digest_size=8).digest()
    return int.from_bytes(digest, "little") < min(_FRACTION, 500 / index) * 2**64


def training_sentences(documents: Iterable[list[str]]) -> Iterator[str]:
    """The sentences of the documents that are not held out. A vocabulary may be learned from them."""
    for index, document in enumerate(documents):
        if not is_held_out(index):
            yield from document


def heldout_documents(documents: Iterable[list[str]]) -> Iterator[list[str]]:
    """The documents that are held out."""
    return (document for index, document in enumerate(documents) if is_held_out(index))


class TrainingDocuments:
    """The documents of a tokenized corpus that are not held out, without a list of them.

    Each has an index in the corpus and its own index among the training documents: 0, 1, 2, ... The two methods
    translate arrays of indices, of any shape.
    """

    def __init__(self, number_of_documents: int, held_out: np.ndarray):
        self._held_out = np.asarray(held_out)
        self._skipped_at = self._held_out - np.arange(len(self._held_out))  # one more is skipped from this own index on
        self.count = number_of_documents - len(self._held_out)

    def corpus_indices(self, own_indices: np.ndarray) -> np.ndarray:
        return own_indices + np.searchsorted(self._skipped_at, own_indices, side="right")

    def own_indices(self, corpus_indices: np.ndarray) -> np.ndarray:
        return corpus_indices - np.searchsorted(self._held_out, corpus_indices)


class HeldOutDocuments:
    """The held-out documents of a tokenized corpus, with the methods of ``TrainingDocuments``."""

    def __init__(self, held_out: np.ndarray):
        self._held_out = np.asarray(held_out)
        self.count = len(self._held_out)

    def corpus_indices(self, own_indices: np.ndarray) -> np.ndarray:
        return self._held_out[own_indices]

    def own_indices(self, corpus_indices: np.ndarray) -> np.ndarray:
        return np.searchsorted(self._held_out, corpus_indices)
