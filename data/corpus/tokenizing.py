"""Tokenizes a whole corpus: in several processes, in order, and in bounded memory.

    documents -> tasks of some 200,000 characters -> worker processes -> arrays of ids, in the order of the tasks

Each worker has a few tasks at a time, whatever the size of the corpus.
"""

from collections.abc import Generator, Iterable, Iterator
from functools import partial
from itertools import chain
from typing import NamedTuple

import numpy as np

from bert.tokenization.tokenizer import Tokenizer
from bert.workers import in_order

_CHARACTERS_PER_TASK = 200_000


class TokenizedDocuments(NamedTuple):
    """Some documents as ids. Sentences without a token are dropped, so a document may be empty."""

    tokens: np.ndarray  # ids, end to end
    sentence_lengths: np.ndarray  # in tokens
    document_lengths: np.ndarray  # in sentences


def tokenize_documents(
    documents: Iterable[list[str]], tokenizer: Tokenizer, token_type: str, processes: int
) -> Generator[TokenizedDocuments, None, None]:
    """Tokenizes documents, lists of sentences, some at a time, in order. The workers end with the iterator.

    Args:
        token_type: the ids' type, such as "<u2".
        processes: how many workers; with one, this process does the work.

    Raises:
        InputError: if a worker was killed.
    """
    return in_order(partial(_tokenize, tokenizer, token_type), _tasks(documents), processes)


def _tasks(documents: Iterable[list[str]]) -> Iterator[list[list[str]]]:
    task: list[list[str]] = []
    characters = 0
    for document in documents:
        task.append(document)
        characters += sum(map(len, document))
        if characters >= _CHARACTERS_PER_TASK:
            yield task
            task, characters = [], 0
    if task:
        yield task


def _tokenize(tokenizer: Tokenizer, token_type: str, documents: list[list[str]]) -> TokenizedDocuments:
    encoded = tokenizer.encode_batch(list(chain.from_iterable(documents)))
    lengths = np.fromiter(map(len, encoded), np.int64, len(encoded))  # (sentences,)
    tokens = np.fromiter(chain.from_iterable(encoded), token_type, int(lengths.sum()))
    document_of = np.repeat(np.arange(len(documents)), [len(document) for document in documents])  # (sentences,)
    document_lengths = np.bincount(document_of[lengths > 0], minlength=len(documents))
    return TokenizedDocuments(tokens, lengths[lengths > 0], document_lengths)
