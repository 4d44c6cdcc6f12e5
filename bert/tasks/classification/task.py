"""Fine-tuning on labelled texts: one label, several labels, or a number."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from bert.heads.classification import BertForSequenceClassification
from bert.heads.loss import Loss
from bert.tasks.classification.class_weights import choose_class_weights
from bert.tasks.classification.predict import LabelScores
from bert.tasks.classification.read import MULTI, REGRESSION, SINGLE, Example, label_ids
from bert.tasks.task import Task


class ClassificationTask(Task):
    """One label of several. A text in several windows is as many training rows, each with its label."""

    problem_type = SINGLE

    def targets(self, examples: Sequence[Example], source: str) -> np.ndarray:
        return label_ids(examples, self.labels, self.problem_type, source)

    def prepare(self) -> None:
        asked, targets = self.options.class_weights, np.asarray(self.sets["train"].targets)
        self.class_weights = choose_class_weights(asked, self.labels, targets, self.problem_type)

    @property
    def model_arguments(self) -> dict[str, Any]:
        weights = None if self.class_weights is None else torch.from_numpy(self.class_weights)
        of_labels = {"labels": self.labels, "problem_type": self.problem_type, "class_weights": weights}
        return of_labels | {"pool": self.options.pool}

    def losses(
        self, model: BertForSequenceClassification, targets: np.ndarray, predictions: Sequence[LabelScores]
    ) -> dict[str, Loss]:
        device = model.classifier.weight.device  # the class weights are there
        logits = torch.from_numpy(np.stack([scores.logits for scores in predictions]))
        return model.loss(logits.to(device), torch.from_numpy(targets).to(device))


class MultiLabelTask(ClassificationTask):
    """Any number of labels."""

    problem_type = MULTI


class RegressionTask(ClassificationTask):
    """A number."""

    problem_type = REGRESSION
