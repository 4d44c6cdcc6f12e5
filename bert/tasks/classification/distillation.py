"""Fine-tuning a classifier on texts that other models, its teachers, have labelled."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from bert.tasks.baseline import Baseline
from bert.tasks.classification.measure import baseline_of_classes
from bert.tasks.classification.read import Example
from bert.tasks.classification.task import ClassificationTask
from bert.tasks.task import Row


class DistilledTask(ClassificationTask):
    """The training texts have no labels, but the scores of teachers. Those of the other sets have labels.

    Args:
        sets ... options: see ``Task``.
        teacher_logits: (texts, labels) float32, of the training texts.
        temperature: see ``bert.heads.loss.distillation``.
        teachers: names the teachers, as plain data.
    """

    def __init__(
        self, kind, sets, labels, tokenizer, options,
        teacher_logits: np.ndarray, temperature: float, teachers: dict[str, Any],
    ):  # fmt: skip
        self.teacher_logits, self.temperature, self.teachers = teacher_logits, temperature, teachers
        super().__init__(kind, sets, labels, tokenizer, options)

    def targets(self, examples: Sequence[Example], source: str) -> np.ndarray:
        if examples[0].label is None:
            return self.teacher_logits
        return super().targets(examples, source)

    def prepare(self) -> None:
        self.class_weights = None

    @property
    def model_arguments(self) -> dict[str, Any]:
        return super().model_arguments | {"temperature": self.temperature}

    @cached_property
    def baseline(self) -> Baseline:
        """The label that the teachers give most often."""
        return baseline_of_classes(self.teacher_logits.argmax(axis=1), self.labels)

    @property
    def identity(self) -> dict[str, Any]:
        return self.teachers

    def batch_labels(self, rows: Sequence[Row]) -> dict[str, np.ndarray]:
        """(rows, labels): the teachers' scores."""
        return {"teacher_logits": np.stack([row.target for row in rows])}
