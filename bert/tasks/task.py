"""A kind of task, and a task of this kind.

A ``Kind`` is a row of the table in ``kinds.py``: how to read files, make inputs, predict and measure. A ``Task`` is a
kind with the examples of a run: its training batches, and how a model does on a set.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from torch import nn

from bert.heads.batch import Batch
from bert.heads.loss import Loss
from bert.tasks.baseline import Baseline
from bert.tasks.options import Columns, Options
from bert.tasks.report import Evaluation
from bert.tasks.windows import Inputs, Window, WindowsOfEach, batch_of
from bert.tokenization.tokenizer import Tokenizer
from bert.training.distributed import Processes
from bert.training.precision import Precision
from bert.training.totals import mean_of


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of task. An example is what its ``read`` gives, a prediction what its ``predict`` gives for it."""

    # (path, columns, labelled) -> the examples of a file. Labels must be there, or are skipped
    read: Callable[[str | Path, Columns, bool], Iterable[Any]]
    # (tokenizer, examples, options, source) -> their inputs
    inputs: Callable[[Tokenizer, Sequence[Any], Options, str], Inputs]
    head: type[nn.Module]  # the model
    # (model, windows of each example, options) -> a prediction for each example
    predict: Callable[[Any, WindowsOfEach, Options], list[Any]]
    # (model, (example, prediction) pairs, options) -> the cells of each line that ``bert predict`` writes
    rows: Callable[[Any, Iterable[tuple[Any, Any]], Options], Iterator[Sequence[Any]]]
    # of lines for the items of an example, such as its words: what stands in them. None: the first line names columns
    item_columns: tuple[str, ...] | None = None
    # (examples, predictions, labels, options, in_full) -> metrics and, in full, the report's parts
    measure: Callable[[Sequence[Any], Sequence[Any], Sequence[str], Options, bool], Evaluation]
    task: Callable[..., "Task"]  # makes a task of this kind from the examples of a run
    metrics: tuple[str, ...]  # the first one selects the best epoch unless --metric names another
    metrics_of_two_labels: tuple[str, ...] = ()  # further metrics of a task with two labels
    # (training examples, labels, options) -> a guess that reads no text, to compare a model with; None: there is none
    baseline: Callable[[Sequence[Any], Sequence[str], Options], Baseline] | None = None
    # labels -> the metrics, if they depend on the labels
    metrics_of_labels: Callable[[Sequence[str]], tuple[str, ...]] | None = None
    # (examples, source) -> the labels in the order of the model's outputs; None: the kind has no labels
    find_labels: Callable[[Sequence[Any], str], list[str]] | None = None
    # the sets, as (source, examples) by name -> the sets, after what the training file decides for the others
    settle: Callable[[dict[str, tuple[str, list[Any]]]], dict[str, tuple[str, list[Any]]]] = lambda sets: sets
    # examples -> (training, validation), if there is no validation file
    hold_out: Callable[[Sequence[Any]], tuple[list[Any], list[Any]]]
    flags: frozenset[str] = frozenset()  # the flags that this kind heeds, and not every kind does
    # a prediction file -> the flags about columns that reading it heeds
    column_flags: Callable[[str | Path], frozenset[str]] = lambda path: frozenset()
    writing_flags: frozenset[str] = frozenset()  # of ``bert predict``, about how outputs are written
    long_text_handling: str | None = None  # what happens to texts that are too long; None: --long-texts decides
    may_have_windows: bool = True  # whether --long-texts may be "windows"
    max_length: int | None = None  # the default of --max-length, if it is not the usual one
    has_two_segments: bool = False  # whether every input has two segments
    reads_texts_alone: bool = False  # whether each text of a pair is an input of its own, to become a vector
    predict_columns: Columns | None = None  # of a prediction file; None: the same as of the training file
    predict_file: str = "FILE.tsv"  # an example of a prediction file's name

    def predict_flags(self, path: str | Path) -> frozenset[str]:
        """The flags of ``bert predict`` that this kind heeds for a file."""
        heeded = {"max_length"} if self.long_text_handling else {"max_length", "long_texts"}
        heeded |= self.flags & {"null_threshold", "summary_sentences", "text"}
        return self.column_flags(path) | heeded | self.writing_flags


class TaskSet(NamedTuple):
    """The training, validation or test set of a task."""

    examples: Sequence[Any]
    targets: Sequence[Any]  # of each example, as the loss takes them; see ``Task.targets``
    windows: WindowsOfEach
    too_long: int  # how many examples did not fit as they were


class Row(NamedTuple):
    """A training row."""

    windows: Sequence[Window]  # one; in multiple choice one for each choice
    target: Any  # of its example


class Task(ABC):
    """A kind of task with its examples.

    Args:
        sets: "train", "dev" and perhaps "test": (source, examples).
        labels: in the order of the model's outputs. None: the kind has no labels.

    Raises:
        InputError: if a label is not in ``labels``, or an example makes no input.
    """

    head_name: str | None = "classifier"  # the part of the model that starts untrained; None: the checkpoint has all
    labels_per_item = False  # whether a window has a label for each of its items, not one label
    needs_dropout = False  # whether the loss says nothing without dropout

    def __init__(
        self,
        kind: Kind,
        sets: dict[str, tuple[str, Sequence[Any]]],
        labels: Sequence[str] | None,
        tokenizer: Tokenizer,
        options: Options,
    ):
        self.kind, self.labels, self.tokenizer, self.options = kind, tuple(labels or ()), tokenizer, options
        self.notes: list[str] = []  # for the user
        self.sets: dict[str, TaskSet] = {}
        for name, (source, examples) in sets.items():
            targets = self.targets(examples, source)
            windows, too_long = kind.inputs(tokenizer, examples, options, source)
            self.sets[name] = TaskSet(examples, targets, windows, too_long)
        self.rows = list(self.make_rows(self.sets["train"]))
        self.prepare()

    # ---- what a kind says ----

    def prepare(self) -> None:  # noqa: B027 (most kinds have nothing to prepare)
        """Checks options and settles those that depend on the examples, once all sets are there."""

    def before_report(self) -> None:  # noqa: B027 (most kinds measure always alike)
        """Settles what the report's evaluations do otherwise than those on the way."""

    @abstractmethod
    def targets(self, examples: Sequence[Any], source: str) -> Sequence[Any]:
        """The target of each example, such as the index of its label.

        Raises:
            InputError: if an example has a label that was not trained on.
        """

    @abstractmethod
    def losses(self, model: Any, targets: Sequence[Any], predictions: Sequence[Any]) -> dict[str, Loss]:
        """The head's losses of predictions, by name."""

    @property
    def model_arguments(self) -> dict[str, Any]:
        """What the model's constructor takes besides the configuration."""
        return {"labels": self.labels} if self.labels else {}

    @property
    def identity(self) -> dict[str, Any]:
        """What else decides the training, by name, as plain data: with another one, a run is another run."""
        return {}

    def make_rows(self, part: TaskSet) -> Iterator[Row]:
        """The training rows of a set: its windows, each with the target of its example."""
        for windows, target in zip(part.windows, part.targets):
            yield from (Row((window,), target) for window in windows)

    def batch_labels(self, rows: Sequence[Row]) -> dict[str, np.ndarray]:
        """What the head's loss takes, by name."""
        if self.labels_per_item:
            parts = [row.target[list(row.windows[0].items)] for row in rows]
            return {"labels": np.concatenate(parts)}
        return {"labels": np.array([row.target for row in rows])}

    def choices(self, rows: Sequence[Row]) -> list[int] | None:
        """The number of choices of each row, in multiple choice."""
        return None

    def predict(self, model: Any, part: TaskSet, indices: Sequence[int]) -> list[Any]:
        """The predictions for the examples of these indices."""
        return self.kind.predict(model, [part.windows[index] for index in indices], self.options)

    # ---- what the script does with it ----

    def row_lengths(self) -> list[int]:
        """The length of each training row, in tokens; of several windows the longest counts."""
        return [max(map(len, row.windows)) for row in self.rows]

    def make_batch(self, indices: np.ndarray) -> Batch:
        """The training rows of these indices."""
        rows = [self.rows[index] for index in indices]
        windows = [window for row in rows for window in row.windows]
        return batch_of(windows, self.choices(rows), **self.batch_labels(rows))

    def segments(self) -> int:
        """The number of segments in the training rows: 2 for pairs."""
        return 1 + max(int(window.token_type_ids.max()) for row in self.rows for window in row.windows)

    @cached_property
    def baseline(self) -> Baseline | None:
        """What to compare a model with, learned from the training labels, or from dev's if nothing is trained."""
        learn, examples = self.kind.baseline, self.sets["train"].examples or self.sets["dev"].examples
        return learn(examples, self.labels, self.options) if learn and examples else None

    @cached_property
    def baselines(self) -> dict[str, dict[str, float]]:
        """The metrics of the baseline on "dev" and perhaps "test". Without a baseline it is empty."""
        if self.baseline is None:
            return {}
        measured = {}
        for name, (examples, *_) in self.sets.items():
            if name != "train":
                guesses = list(map(self.baseline.guess, examples))
                measured[name] = self.kind.measure(examples, guesses, self.labels, self.options, False).metrics
        return measured

    def evaluate(
        self, model: nn.Module, name: str, precision: Precision, processes: Processes, in_full: bool = False
    ) -> Evaluation:
        """The metrics on a set, the same in every process. Each process predicts its share.

        Args:
            in_full: also the predictions and the sections of the report.
        """
        part = self.sets[name]
        predictions = in_shares(
            lambda indices: self.predict(model, part, indices), range(len(part.examples)), model, precision, processes
        )
        losses: dict[str, float] = {}
        for loss_name, loss in self.losses(model, part.targets, predictions).items():
            losses |= mean_of(loss_name, *loss)
        return replace(self.kind.measure(part.examples, predictions, self.labels, self.options, in_full), losses=losses)


def in_shares(
    compute: Callable[[Sequence[Any]], Sequence[Any]],
    inputs: Sequence[Any],
    model: nn.Module,
    precision: Precision,
    processes: Processes,
) -> list[Any]:
    """The result of ``compute`` for each input, in order, the same in every process.

    Args:
        compute: gives one result for each input, of which there is one at least. It may leave ``model`` in evaluation
            mode.
    """
    was_training = model.training
    share = inputs[processes.rank :: processes.world_size]  # of more processes than inputs, the last ones have none
    with precision.autocast():
        mine = compute(share) if share else []
    model.train(was_training)
    results: list[Any] = [None] * len(inputs)
    for rank, share in enumerate(processes.gather(mine)):
        results[rank :: processes.world_size] = share
    return results
