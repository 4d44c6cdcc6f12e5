"""Fine-tuning on multiple choice."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from bert.heads.choices import BertForMultipleChoice
from bert.heads.loss import Loss, cross_entropy
from bert.tasks.choices.read import Choices
from bert.tasks.task import Row, Task, TaskSet


class ChoiceTask(Task):
    """Each example is a training row, with the windows of all its choices."""

    def targets(self, examples: Sequence[Choices], source: str) -> np.ndarray:
        """(examples,) int64 indices of the right choices."""
        return np.array([example.label for example in examples], np.int64)

    def make_rows(self, part: TaskSet) -> Iterator[Row]:
        yield from map(Row, part.windows, part.targets)

    def choices(self, rows: Sequence[Row]) -> list[int]:
        return [len(row.windows) for row in rows]

    def losses(
        self, model: BertForMultipleChoice, targets: np.ndarray, predictions: Sequence[np.ndarray]
    ) -> dict[str, Loss]:
        rows = list(map(torch.from_numpy, predictions))  # of unequal numbers of choices
        logits = pad_sequence(rows, batch_first=True, padding_value=-torch.inf)
        return {"choice": cross_entropy(logits, torch.from_numpy(targets))}
