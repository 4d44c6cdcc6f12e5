"""Fine-tuning on queries and their texts."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from bert.errors import InputError
from bert.heads.embedding import BertForRetrieval
from bert.heads.loss import Loss
from bert.tasks.retrieval.read import Search
from bert.tasks.task import Row, Task, TaskSet

MEASURED_TOGETHER = 64  # queries of the validation set whose texts are each other's negatives in its loss


class TextIds(NamedTuple):
    """Numbers of an example's texts: equal texts have the same number."""

    query: int
    texts: list[int]  # its own text, then its negatives


class RetrievalTask(Task):
    """Each query with its text and its negatives is a training row. A text alone is its own query."""

    head_name = None

    def targets(self, examples: Sequence[Search], source: str) -> list[TextIds]:
        number_of: dict[str, int] = {}

        def number(text: str) -> int:
            return number_of.setdefault(text, len(number_of))

        return [TextIds(number(each.asked), list(map(number, each.texts))) for each in examples]

    def prepare(self) -> None:
        for name, part in self.sets.items():
            alone = sum(each.query is None for each in part.examples)
            if alone and name != "train":
                raise InputError(
                    f"--{name}: {alone:,} of its {len(part.examples):,} texts have no query, and no search can be "
                    f"measured without; give each text its query"
                )
            if alone:
                self.needs_dropout = alone == len(part.examples)
                self.notes.append(
                    f"{alone:,} of the {len(part.examples):,} training texts have no query. Each is its own, and is "
                    f"read twice with other dropout (SimCSE)."
                )

    @property
    def model_arguments(self) -> dict[str, Any]:
        return {"pool": self.options.pool, "temperature": self.options.temperature}

    def make_rows(self, part: TaskSet) -> Iterator[Row]:
        yield from map(Row, part.windows, part.targets)

    def batch_labels(self, rows: Sequence[Row]) -> dict[str, np.ndarray]:
        """What ``BertForRetrieval.losses`` takes."""
        targets = [row.target for row in rows]
        begins = np.cumsum([0, *(1 + len(each.texts) for each in targets)])[:-1]  # of each row's sequences
        negatives = [range(begin + 2, begin + 1 + len(each.texts)) for begin, each in zip(begins, targets)]
        return {
            "queries": begins,
            "texts": begins + 1,
            "negatives": np.array([place for places in negatives for place in places], np.int64),
            "query_ids": np.array([each.query for each in targets]),
            "text_ids": np.array([each.texts[0] for each in targets]),
            "negative_ids": np.array([number for each in targets for number in each.texts[1:]], np.int64),
        }

    def losses(
        self, model: BertForRetrieval, targets: Sequence[TextIds], predictions: Sequence[np.ndarray]
    ) -> dict[str, Loss]:
        """The loss of neighbours in the file, ``MEASURED_TOGETHER`` at a time."""
        parts = []
        for begin in range(0, len(targets), MEASURED_TOGETHER):
            together = slice(begin, begin + MEASURED_TOGETHER)
            labels = self.batch_labels([Row((), target) for target in targets[together]])
            vectors = torch.from_numpy(np.concatenate(predictions[together]))
            parts.append(model.loss(vectors, {name: torch.from_numpy(each) for name, each in labels.items()}))
        total, count, correct = (torch.stack(values).sum() for values in zip(*parts))
        return {"retrieval": Loss(total, count, correct)}
