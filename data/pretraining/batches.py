"""A tokenized corpus to batches, for training and for validation.

    corpus -> a window of documents -> its examples, in random order -> a batch of them -> masked tensors

An epoch passes over the training documents in random order, one window of them at a time. So a corpus of any size takes
the same memory and the same time before the first batch. To resume in the middle of an epoch, we plan one window anew.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bert.errors import InputError
from bert.heads.batch import Batch
from bert.randomness import shuffled
from bert.tokenization.tokenizer import Tokenizer
from data.corpus.held_out import HeldOutDocuments, TrainingDocuments
from data.corpus.tokenized import TokenizedCorpus
from data.pretraining.layout import InputLayout
from data.pretraining.masking import DEFAULT, Masking
from data.pretraining.requirements import check_batch_size, require_pairs
from data.pretraining.sentence_pairs import EXAMPLE, plan_examples

TOKENS_PER_WINDOW = 1 << 22  # some 30,000 examples of 128 tokens, planned in a fraction of a second

_DOCUMENT_ORDER = 300  # names the random order of an epoch's documents
_EVALUATION_SEED = 0


class Position(NamedTuple):
    """The next update begins with example ``offset`` of the window."""

    epoch: int
    window: int
    offset: int


class Examples(NamedTuple):
    """This process's examples of an update, for messages."""

    epoch: int
    chunks: list[int]

    def __str__(self) -> str:
        return f"of epoch {self.epoch} that begin at the tokens {', '.join(map(str, self.chunks))} of the corpus"


@dataclass(frozen=True)
class Update:
    """The data of one update of the weights.

    Attributes:
        micro_batches: this process's part of the batch, in as many parts as it accumulates.
        position: (epoch, window, offset) of the next update; ``PretrainingBatches`` resumes from it.
        examples: names this process's examples.
    """

    micro_batches: list[Batch]
    position: tuple[int, int, int]
    examples: Examples


class PretrainingBatches:
    """The updates of a pretraining run, epoch after epoch without end.

    The global batch of an update does not depend on the number of processes and micro-batches: it has the same examples
    with the same masks. Each process has its own part. An epoch leaves out its last examples if they are too few for a
    batch. The next epoch has another order.

    Args:
        corpus: the tokenized corpus; its held-out documents are not used.
        tokenizer: the corpus was tokenized with it.
        batch_size: examples in an update, over all processes and micro-batches.
        max_length: the most positions in an input, special tokens included.
        seed: names all the random numbers.
        nsp: sentence pairs with a label for next-sentence prediction, or single segments.
        whole_word_masking: whether the tokens of a word are masked together.
        process, processes: this process's rank, and the world size.
        accumulate: micro-batches in an update.
        position: resumes after the update with this ``Update.position``; None: from the beginning.
        masking: how tokens are masked; with the rate of its beginning, unless ``updates`` says how it goes on.
        joined: so many neighbours in the batch become one sequence, whose tokens attend to each other. That leaks one
            example into the next: it shows what happens if packed examples are not separated.

    ``InputLayout.batch`` describes a micro-batch.

    Attributes:
        random_pairs: the share of pairs whose B is random, in the first window of the first epoch. The documents of a
            window are a random sample of the corpus.

    Raises:
        InputError: if the batch cannot be shared evenly, or the corpus is too small for it or has no sentence pairs.
    """

    def __init__(
        self,
        corpus: TokenizedCorpus,
        tokenizer: Tokenizer,
        batch_size: int,
        max_length: int,
        seed: int,
        nsp: bool = True,
        whole_word_masking: bool = False,
        process: int = 0,
        processes: int = 1,
        accumulate: int = 1,
        position: tuple[int, int, int] | None = None,
        masking: Masking = DEFAULT,
        joined: int = 1,
    ):
        check_batch_size(batch_size, processes, accumulate, joined)
        self._documents = TrainingDocuments(corpus.number_of_documents, corpus.held_out)
        if nsp:
            require_pairs(corpus, self._documents.count)
        self._corpus = corpus
        self._layout = InputLayout(corpus, tokenizer, whole_word_masking, nsp, masking.shares, joined)
        self._masking = masking
        self._batch_size, self._max_length, self._seed, self._nsp = batch_size, max_length, seed, nsp
        self._process, self._processes, self._accumulate = process, processes, accumulate
        self.position = Position(0, 0, 0) if position is None else Position(*position)
        tokens_of_document = len(corpus.tokens) / corpus.number_of_documents
        self._windows = max(1, round(self._documents.count * tokens_of_document / TOKENS_PER_WINDOW))
        examples = self._plan_window(0, 0)
        self._examples_of_first_window = len(examples)
        self.random_pairs = float(examples["is_random"].mean()) if nsp and len(examples) else 0.0
        self._require_a_batch()

    @property
    def updates_per_epoch(self) -> int:
        """About how many. The number is exact for the first epoch of a corpus with a single window."""
        return max(1, self._examples_of_first_window * self._windows // self._batch_size)

    def __iter__(self) -> Iterator[Update]:
        """The updates from ``position`` on, the same ones each time."""
        return self.updates()

    def updates(self, step: int = 0, over: Callable[[int], float] = lambda step: 0.0) -> Iterator[Update]:
        """The updates from ``position`` on, the same ones each time.

        Args:
            step: the number of the first one in its run.
            over: the fraction of the run that is over when an update begins, by its number. The masking rate goes with
                it, so it does not depend on the epoch, the processes, or on when a run was resumed.
        """
        start = self.position
        while True:
            for examples, position in self._batches_of_epoch(start):
                yield self._update(examples, position, self._masking.rate_at(over(step)))
                step += 1
            start = Position(start.epoch + 1, 0, 0)

    def _batches_of_epoch(self, start: Position) -> Iterator[tuple[np.ndarray, Position]]:
        """Batches of examples, each with the position at which the next one begins."""
        offset = start.offset
        waiting = np.zeros(0, EXAMPLE)  # from earlier windows, too few for a batch
        for window in range(start.window, self._windows):
            planned = self._plan_window(start.epoch, window)[offset:]
            examples = np.concatenate([waiting, planned])
            ends = range(self._batch_size, len(examples) + 1, self._batch_size)
            for end in ends:
                batch = examples[end - self._batch_size : end]
                yield batch, Position(start.epoch, window, offset + end - len(waiting))
            waiting = examples[len(ends) * self._batch_size :]
            offset = 0

    def _plan_window(self, epoch: int, window: int) -> np.ndarray:
        first = window * self._documents.count // self._windows
        end = (window + 1) * self._documents.count // self._windows
        indices = shuffled(np.arange(first, end), self._documents.count, self._seed, epoch, _DOCUMENT_ORDER)
        documents = self._documents.corpus_indices(indices)
        return plan_examples(
            self._corpus, documents, self._documents, self._max_length, self._seed, epoch, self._nsp,
            self._masking.epoch_of(epoch),
        )  # fmt: skip

    def _update(self, examples: np.ndarray, position: Position, rate: float) -> Update:
        parts = np.split(examples, self._processes * self._accumulate)
        parts = parts[self._process * self._accumulate :][: self._accumulate]
        drawn_in = self._masking.epoch_of(position.epoch)
        micro_batches = [self._layout.batch(part, self._seed, drawn_in, rate) for part in parts]
        chunks = np.concatenate(parts)["chunk"].tolist()
        plain_position = (position.epoch, position.window, position.offset)  # torch.load refuses classes of ours
        return Update(micro_batches, plain_position, Examples(position.epoch, chunks))

    def _require_a_batch(self) -> None:
        examples = self._examples_of_first_window
        for window in range(1, self._windows):
            if examples >= self._batch_size:
                break
            examples += len(self._plan_window(0, window))
        if examples < self._batch_size:
            raise InputError(
                f"the corpus is too small: its {self._documents.count:,} training documents make {examples:,} examples "
                f"of --max-length {self._max_length} in an epoch, fewer than the --batch-size of "
                f"{self._batch_size:,}; use more text or a smaller batch"
            )


def evaluation_batches(
    corpus: TokenizedCorpus,
    tokenizer: Tokenizer,
    batch_size: int,
    max_length: int,
    nsp: bool = True,
    whole_word_masking: bool = False,
    process: int = 0,
    processes: int = 1,
    max_examples: int | None = None,
) -> Iterator[Batch]:
    """One pass over the held-out documents: the same examples with the same masks every time.

    Masks are always of 15 %, 80/10/10, and no examples are joined: so losses of runs that mask otherwise compare.
    Losses of whole words and of single tokens do not.

    The arguments are as for ``PretrainingBatches``. Each process has its own batches; its last may be smaller. A corpus
    of fewer than three documents holds out none, and there is no batch.

    Args:
        max_examples: at most so many, over all processes, of documents in random order. At most a twentieth comes from
            each document: otherwise a single long document could be most of them.
    """
    held_out = HeldOutDocuments(corpus.held_out)
    # If a single document is held out, random sentences can only come from the training documents.
    others = held_out if held_out.count > 1 else TrainingDocuments(corpus.number_of_documents, corpus.held_out)
    indices = shuffled(np.arange(held_out.count), held_out.count, _EVALUATION_SEED, 0, _DOCUMENT_ORDER)
    documents = held_out.corpus_indices(indices)
    if max_examples is None:
        examples = plan_examples(corpus, documents, others, max_length, _EVALUATION_SEED, 0, nsp)
    else:
        most_of_one = -(-max_examples // 20)
        boundaries = corpus.sentence_starts[corpus.document_starts[np.stack([documents, documents + 1])]]
        tokens_so_far = np.cumsum(np.minimum(boundaries[1] - boundaries[0], most_of_one * max_length))
        documents = documents[: np.searchsorted(tokens_so_far, max_examples * max_length) + 1]
        examples = plan_examples(corpus, documents, others, max_length, _EVALUATION_SEED, 0, nsp)
        ends = corpus.sentence_starts[corpus.document_starts[1:]]
        document_of = np.searchsorted(ends, examples["chunk"], side="right")
        examples = examples[_occurrence(document_of) < most_of_one][:max_examples]
    examples = examples[process::processes]
    layout = InputLayout(corpus, tokenizer, whole_word_masking, nsp)
    for first in range(0, len(examples), batch_size):
        yield layout.batch(examples[first : first + batch_size], _EVALUATION_SEED, 0)


def _occurrence(values: np.ndarray) -> np.ndarray:
    """How often each value occurred before: [7, 3, 7, 7] -> [0, 0, 1, 2]."""
    order = np.argsort(values, kind="stable")
    _, firsts, counts = np.unique(values[order], return_index=True, return_counts=True)
    occurrence = np.empty(len(values), np.int64)
    occurrence[order] = np.arange(len(values)) - np.repeat(firsts, counts)
    return occurrence
