"""Tokenizes a whole corpus: in several processes, in order, and in bounded memory.

    documents -> tasks of some 200,000 characters -> worker processes -> arrays of ids, in the order of the tasks

Each worker has a few tasks at a time, whatever the size of the corpus.
"""

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import chain
from typing import NamedTuple

import numpy as np

from bert.errors import InputError
from bert.tokenization.tokenizer import Tokenizer

_CHARACTERS_PER_TASK = 200_000
_TASKS_PER_WORKER = 3  # one at work, and others so that the worker need not wait


class TokenizedDocuments(NamedTuple):
    """Some documents as ids. Sentences without a token are dropped, so a document may be empty."""

    tokens: np.ndarray  # ids, end to end
    sentence_lengths: np.ndarray  # in tokens
    document_lengths: np.ndarray  # in sentences


@contextmanager
def tokenize_documents(
    documents: Iterable[list[str]], tokenizer: Tokenizer, token_type: str, processes: int
) -> Iterator[Iterator[TokenizedDocuments]]:
    """Tokenizes documents, lists of sentences, some at a time, in order. The workers end with the context.

    Args:
        token_type: the ids' type, such as "<u2".
        processes: how many workers; with one, this process does the work.

    Raises:
        InputError: if a worker was killed.
    """
    tasks = _tasks(documents)
    if processes <= 1:
        yield (_tokenize(tokenizer, token_type, task) for task in tasks)
        return
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    with ProcessPoolExecutor(processes, context, _start_worker, (tokenizer, token_type)) as pool:
        try:
            yield _in_order(pool, tasks, processes * _TASKS_PER_WORKER)
        except BrokenProcessPool as error:
            raise InputError(
                f"one of the {processes} processes that tokenize the corpus was ended from outside, perhaps for want "
                "of memory; try again with fewer"
            ) from error


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


def _in_order(
    pool: ProcessPoolExecutor, tasks: Iterable[list[list[str]]], most_pending: int
) -> Iterator[TokenizedDocuments]:
    pending: deque[Future[TokenizedDocuments]] = deque()
    for task in tasks:
        pending.append(pool.submit(_tokenize_in_worker, task))
        if len(pending) >= most_pending:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()


def _tokenize(tokenizer: Tokenizer, token_type: str, documents: list[list[str]]) -> TokenizedDocuments:
    encoded = tokenizer.encode_batch(list(chain.from_iterable(documents)))
    lengths = np.fromiter(map(len, encoded), np.int64, len(encoded))  # (sentences,)
    tokens = np.fromiter(chain.from_iterable(encoded), token_type, int(lengths.sum()))
    document_of = np.repeat(np.arange(len(documents)), [len(document) for document in documents])  # (sentences,)
    document_lengths = np.bincount(document_of[lengths > 0], minlength=len(documents))
    return TokenizedDocuments(tokens, lengths[lengths > 0], document_lengths)


_worker_settings: tuple[Tokenizer, str]  # in a worker process: its tokenizer and the ids' type


def _start_worker(tokenizer: Tokenizer, token_type: str) -> None:
    global _worker_settings
    _worker_settings = (tokenizer, token_type)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that reads and writes
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Ends a worker whose parent was killed: it would wait for its next task for ever."""
    if parent := multiprocessing.parent_process():
        parent.join()
    os._exit(1)


def _tokenize_in_worker(documents: list[list[str]]) -> TokenizedDocuments:
    return _tokenize(*_worker_settings, documents)
