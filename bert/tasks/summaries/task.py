"""Fine-tuning on documents with their summaries."""

from collections.abc import Sequence

import numpy as np
import torch

from bert.heads.loss import Loss, binary_cross_entropy
from bert.heads.summaries import BertForExtractiveSummarization
from bert.tasks.summaries.read import Document
from bert.tasks.task import Task


class SummaryTask(Task):
    """Each window of a long document is a training row, with the labels of its sentences."""

    labels_per_item = True

    def targets(self, examples: Sequence[Document], source: str) -> list[np.ndarray]:
        """Of each document (sentences,) float32: 1 for a sentence of the summary, else 0."""
        return [np.isin(np.arange(len(each.sentences)), each.summary).astype(np.float32) for each in examples]

    def losses(
        self, model: BertForExtractiveSummarization, targets: Sequence[np.ndarray], predictions: Sequence[np.ndarray]
    ) -> dict[str, Loss]:
        logits, labels = (torch.from_numpy(np.concatenate(each)) for each in (predictions, targets))
        return {"sentence": binary_cross_entropy(logits, labels)}
