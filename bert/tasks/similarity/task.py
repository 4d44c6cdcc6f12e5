"""Fine-tuning on scored pairs."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from bert.errors import InputError
from bert.heads.embedding import BertForSimilarity
from bert.heads.loss import Loss, squared_error
from bert.tasks.classification.read import Example
from bert.tasks.similarity.measure import score_array
from bert.tasks.task import Row, Task, TaskSet


class SimilarityTask(Task):
    """Each pair is a training row, with a window for each of its texts. The training scores' range becomes 0 to 1."""

    head_name = None

    def targets(self, examples: Sequence[Example], source: str) -> np.ndarray:
        """(examples,) float64 scores, as the file has them."""
        return score_array(examples)

    def prepare(self) -> None:
        scores = np.asarray(self.sets["train"].targets)
        low, high = float(scores.min()), float(scores.max())
        if low == high:
            raise InputError(
                f"all {len(scores):,} training scores are {low:g}, so that there is nothing to learn; different scores "
                f"were expected in --label-column"
            )
        self.options = replace(self.options, score_range=(low, high))

    @property
    def model_arguments(self) -> dict[str, Any]:
        return {"pool": self.options.pool}

    def make_rows(self, part: TaskSet) -> Iterator[Row]:
        yield from map(Row, part.windows, part.targets)

    def batch_labels(self, rows: Sequence[Row]) -> dict[str, np.ndarray]:
        return {"labels": self.from_0_to_1(np.array([row.target for row in rows]))}

    def losses(self, model: BertForSimilarity, targets: np.ndarray, predictions: Sequence[float]) -> dict[str, Loss]:
        cosines, scores = torch.tensor(predictions), torch.from_numpy(self.from_0_to_1(targets))
        return {"similarity": squared_error(cosines, scores)}

    def from_0_to_1(self, scores: np.ndarray) -> np.ndarray:
        """(scores,) float32 on the training scores' range; others may lie outside of 0 to 1."""
        low, high = self.options.score_range
        return ((scores - low) / (high - low)).astype(np.float32)
