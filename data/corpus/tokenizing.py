"""Text to pieces for a whole corpus: in several processes, in order, and in bounded memory.

    documents -> tasks of some 200,000 characters -> worker processes -> arrays of pieces, in the order of the tasks

At most a few tasks for each worker are under way at a time, whatever the size of the corpus.
"""

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import chain
from typing import NamedTuple

import numpy as np

from bert.errors import InputError

_CHARACTERS_PER_TASK = 200_000
_TASKS_PER_WORKER = 3  # one at work, and others so that it need not wait


class TokenizedDocuments(NamedTuple):
    """Some documents as pieces. Sentences without a single one are dropped; documents may thus be empty."""

    tokens: np.ndarray  # ids, end to end
    sentence_lengths: np.ndarray  # in pieces
    document_lengths: np.ndarray  # in sentences


@contextmanager
def tokenize_documents(
    documents: Iterable[list[str]], tokenizer, token_type: str, processes: int
) -> Iterator[Iterator[TokenizedDocuments]]:
    """The documents tokenized, some at a time, in order; the worker processes end with the context.

    Args:
        documents: each a list of sentences.
        tokenizer: one of ``bert.tokenization``; it is sent to the workers.
        token_type: of the arrays of ids, such as "<u2".
        processes: how many workers; with one, this process does the work.

    Raises:
        InputError: where a worker was killed.
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


def _in_order(pool: ProcessPoolExecutor, tasks: Iterable, most_pending: int) -> Iterator[TokenizedDocuments]:
    pending: deque = deque()
    for task in tasks:
        pending.append(pool.submit(_tokenize_in_worker, task))
        if len(pending) >= most_pending:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()


def _tokenize(tokenizer, token_type: str, documents: list[list[str]]) -> TokenizedDocuments:
    encoded = tokenizer.encode_batch(list(chain.from_iterable(documents)))
    lengths = np.fromiter(map(len, encoded), np.int64, len(encoded))
    tokens = np.fromiter(chain.from_iterable(encoded), token_type, int(lengths.sum()))
    document_of = np.repeat(np.arange(len(documents)), [len(document) for document in documents])
    document_lengths = np.bincount(document_of[lengths > 0], minlength=len(documents))
    return TokenizedDocuments(tokens, lengths[lengths > 0], document_lengths)


_worker_settings: tuple = ()  # of a worker process: its tokenizer and type of token


def _start_worker(tokenizer, token_type: str) -> None:
    global _worker_settings
    _worker_settings = (tokenizer, token_type)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that reads and writes
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for its next task for ever."""
    multiprocessing.parent_process().join()
    os._exit(1)


def _tokenize_in_worker(documents: list[list[str]]) -> TokenizedDocuments:
    return _tokenize(*_worker_settings, documents)
