"""Fine-tuning on relations between two marked entities."""

from collections.abc import Sequence

import numpy as np
import torch

from bert.errors import InputError
from bert.heads.loss import Loss, cross_entropy
from bert.heads.relations import BertForRelationExtraction
from bert.tasks.classification.predict import LabelScores
from bert.tasks.relations.read import MarkedText
from bert.tasks.task import Task


class RelationTask(Task):
    """Each text is a training row."""

    def targets(self, examples: Sequence[MarkedText], source: str) -> np.ndarray:
        """(texts,) int64 relation ids."""
        ids = {relation: index for index, relation in enumerate(self.labels)}
        for example in examples:
            if example.label not in ids:
                raise InputError(
                    f"{source}: line {example.line}: the relation {example.label!r} is not one of those trained on: "
                    f"{', '.join(self.labels)}"
                )
        return np.array([ids[str(example.label)] for example in examples], np.int64)

    def losses(
        self, model: BertForRelationExtraction, targets: np.ndarray, predictions: Sequence[LabelScores]
    ) -> dict[str, Loss]:
        logits = torch.from_numpy(np.stack([scores.logits for scores in predictions]))
        return {"relation": cross_entropy(logits, torch.from_numpy(targets))}
