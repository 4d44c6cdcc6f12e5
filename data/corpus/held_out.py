"""Which documents are kept out of the training, to measure it by.

A document's number in the corpus decides, whatever the seed, so that every run on a corpus holds out the
same documents and a resumed or continued one never trains on them. One in twenty of the first ten thousand,
then ever fewer: 500 / number. A large corpus thus gives up little (a million documents: 2,800; a hundred
million: 5,100), and yet holds out documents from everywhere in it, without having to be counted first.
"""

import hashlib
from collections.abc import Iterable, Iterator

import numpy as np

_FRACTION = 0.05
_FIRST_HELD_OUT = 2  # a corpus of three documents already has one to measure by and two to train on


def is_held_out(number: int) -> bool:
    """Whether the document of this number (from 0) is held out."""
    if number <= _FIRST_HELD_OUT:
        return number == _FIRST_HELD_OUT
    digest = hashlib.blake2b(number.to_bytes(8, "little"), digest_size=8).digest()
    return int.from_bytes(digest, "little") < min(_FRACTION, 500 / number) * 2**64


def training_sentences(documents: Iterable[list[str]]) -> Iterator[str]:
    """The sentences of the documents that are not held out: what a vocabulary may be learned from."""
    for number, document in enumerate(documents):
        if not is_held_out(number):
            yield from document


class TrainingDocuments:
    """The documents of a store that are not held out, counted through without being listed.

    ``numbers(ranks)`` are the numbers in the store of the first, second, ... of them, and ``ranks(numbers)`` is the way
    back; both take and give integers of any one shape.
    """

    def __init__(self, number_of_documents: int, held_out: np.ndarray):
        self._held_out = np.asarray(held_out)
        self._skipped_at = self._held_out - np.arange(len(self._held_out))  # rank from which on one more is skipped
        self.count = number_of_documents - len(self._held_out)

    def numbers(self, ranks: np.ndarray) -> np.ndarray:
        return ranks + np.searchsorted(self._skipped_at, ranks, side="right")

    def ranks(self, numbers: np.ndarray) -> np.ndarray:
        return numbers - np.searchsorted(self._held_out, numbers)


class HeldOutDocuments:
    """The documents of a store that are held out; the methods of ``TrainingDocuments``."""

    def __init__(self, held_out: np.ndarray):
        self._held_out = np.asarray(held_out)
        self.count = len(self._held_out)

    def numbers(self, ranks: np.ndarray) -> np.ndarray:
        return self._held_out[ranks]

    def ranks(self, numbers: np.ndarray) -> np.ndarray:
        return np.searchsorted(self._held_out, numbers)
