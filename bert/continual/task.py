"""A task that comes after others: its own examples, and those kept of earlier tasks."""

from collections.abc import Iterator, Sequence
from copy import copy
from typing import Any, NamedTuple

import numpy as np
import torch

from bert.continual.label_groups import LabelGroups, scores_of_own_task
from bert.heads.classification import BertForSequenceClassification
from bert.tasks.classification.predict import LabelScores
from bert.tasks.classification.read import Example
from bert.tasks.classification.task import ClassificationTask
from bert.tasks.options import Options
from bert.tasks.task import Kind, Row, TaskSet
from bert.tokenization.tokenizer import Tokenizer


class Kept(NamedTuple):
    """An example of an earlier task."""

    example: Example
    task: int  # which of the tasks, from 0


class Target(NamedTuple):
    """What a training row is to teach."""

    label: int
    task: int
    old_scores: np.ndarray | None = None  # (old labels,) of the model before this task


class ContinualTask(ClassificationTask):
    """One label of several, learned after other labels. The last of the groups is this task's.

    The training rows are this task's rows, then the kept ones. ``replay.ReplayBatches`` makes batches of either.

    Args:
        sets: "train", "dev" and perhaps "test" of this task, and "old_dev" of earlier ones.
        old_labels: how many labels the model had before.
        kept: examples of earlier tasks. If there are any, they are a set too: "kept".
        task_known: whether each example's task is known, in the loss and in predictions.
    """

    def __init__(
        self, kind: Kind, sets: dict[str, tuple[str, Sequence[Any]]], groups: LabelGroups, tokenizer: Tokenizer,
        options: Options, old_labels: int, kept: Sequence[Kept], task_known: bool,
    ):  # fmt: skip
        self.groups, self.old_labels, self.kept, self.task_known = groups, old_labels, tuple(kept), task_known
        self.own, self.current = groups.own(), len(groups.groups) - 1
        super().__init__(kind, sets, groups.labels, tokenizer, options)
        self.new_rows = len(self.rows)
        self.task_of = {name: np.full(len(part.examples), self.current) for name, part in self.sets.items()}
        if "old_dev" in self.sets:
            examples = self.sets["old_dev"].examples
            self.task_of["old_dev"] = np.array([groups.task_of(example.label) for example in examples])
        if kept:
            self.sets["kept"] = self._set_of([each.example for each in kept])
            self.task_of["kept"] = np.array([each.task for each in kept])
            for windows, label, each in zip(self.sets["kept"].windows, self.sets["kept"].targets, kept):
                self.rows += [Row((window,), Target(label, each.task)) for window in windows]

    @property
    def old_rows(self) -> int:
        """How many training rows are of earlier tasks."""
        return len(self.rows) - self.new_rows

    def before(self) -> "ContinualTask":
        """The same task for the model before it, to which new labels are no candidates: their rows are untrained."""
        task = copy(self)
        if not self.task_known:
            is_old = np.arange(len(self.labels)) < self.old_labels
            task.own, task.task_known = np.tile(is_old, (len(self.own), 1)), True
        return task

    def learn_from(self, old_scores: Sequence[np.ndarray]) -> None:
        """Gives each of this task's rows the scores (old labels,) that the model before this task had for it."""
        for number, scores in enumerate(old_scores):
            row = self.rows[number]
            self.rows[number] = row._replace(target=row.target._replace(old_scores=scores))

    def make_rows(self, part: TaskSet) -> Iterator[Row]:
        for windows, label in zip(part.windows, part.targets):
            yield from (Row((window,), Target(label, self.current)) for window in windows)

    def row_lengths(self) -> list[int]:
        return super().row_lengths()[: self.new_rows]

    def batch_labels(self, rows: Sequence[Row]) -> dict[str, np.ndarray]:
        """What the losses take, by name.

        "labels" is (rows,). If tasks are known, there is "own" (rows, labels) bool. With a teacher there is
        "old_scores" (rows, old labels).
        """
        labels = {"labels": np.array([row.target.label for row in rows])}
        if self.task_known:
            labels["own"] = self.own[[row.target.task for row in rows]]
        if rows[0].target.old_scores is not None:
            labels["old_scores"] = np.stack([row.target.old_scores for row in rows])
        return labels

    def predict(self, model: BertForSequenceClassification, part: TaskSet, indices: Sequence[int]) -> list[LabelScores]:
        predicted = super().predict(model, part, indices)
        if not self.task_known:
            return predicted
        name = next(name for name, each in self.sets.items() if each is part)
        own = torch.from_numpy(self.own[self.task_of[name][list(indices)]])
        logits = scores_of_own_task(torch.from_numpy(np.stack([each.logits for each in predicted])), own)
        return list(map(LabelScores, logits.numpy(), model.probabilities(logits).numpy()))

    def _set_of(self, examples: Sequence[Example]) -> TaskSet:
        """Examples of several tasks as a set."""
        windows, too_long = self.kind.inputs(self.tokenizer, examples, self.options, "the kept examples")
        targets: Any = self.targets(examples, "the kept examples")
        return TaskSet(examples, targets, windows, too_long)
