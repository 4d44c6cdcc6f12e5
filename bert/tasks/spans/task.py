"""Fine-tuning on questions whose answers are parts of a text."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from bert.errors import InputError
from bert.heads.loss import Loss, cross_entropy
from bert.heads.spans import BertForQuestionAnswering
from bert.tasks.spans.predict import Answer, best_answer, span_logits
from bert.tasks.spans.read import Question
from bert.tasks.task import Row, Task, TaskSet

Span = tuple[int, int]


class SpanTask(Task):
    """Each window of a context is a training row. Its target is [CLS] if the answer is not all in it.

    "No answer" is a possible prediction only if some training question has none.
    """

    head_name = "qa_outputs"

    def prepare(self) -> None:
        if all(question.answers for question in self.sets["train"].examples):
            if self.options.null_threshold:
                raise InputError("--null-threshold: every training question has an answer; leave it out")
            self.options = replace(self.options, null_threshold=None)

    def targets(self, examples: Sequence[Question], source: str) -> list[Span | None]:
        """The characters of the first answer to each question; None: it has none."""
        firsts = [question.answers[0] if question.answers else None for question in examples]
        return [None if first is None else (first[1], first[1] + len(first[0])) for first in firsts]

    def make_rows(self, part: TaskSet) -> Iterator[Row]:
        for windows, target in zip(part.windows, part.targets):
            yield from (Row((window,), positions_in(window, target)) for window in windows)

    def batch_labels(self, rows: Sequence[Row]) -> dict[str, np.ndarray]:
        starts, ends = np.array([row.target for row in rows]).T
        return {"start_positions": starts, "end_positions": ends}

    def predict(self, model: BertForQuestionAnswering, part: TaskSet, indices: Sequence[int]) -> list[Answer]:
        """The answers, each with the loss of the right one over its windows."""
        windows = [part.windows[index] for index in indices]
        return [
            best_answer(parts, logits)._replace(loss=_loss(parts, logits, part.targets[index]))
            for index, parts, logits in zip(indices, windows, span_logits(model, windows))
        ]

    def losses(
        self, model: BertForQuestionAnswering, targets: Sequence[Span | None], predictions: Sequence[Answer]
    ) -> dict[str, Loss]:
        total, count, correct = (torch.tensor(sum(each)) for each in zip(*(answer.loss for answer in predictions)))
        return {"span": Loss(total, count, correct)}


def positions_in(window: Any, target: Span | None) -> Span:
    """The first and last position of an answer in a ``QuestionWindow``, or (0, 0), [CLS]."""
    return (0, 0) if target is None else window.positions_of(*target)


def _loss(windows: Sequence[Any], logits: Sequence[np.ndarray], target: Span | None) -> tuple[float, int, int]:
    """See ``Answer``; the same as the head's loss."""
    total, correct = 0.0, 0
    for window, of_window in zip(windows, logits):
        both = cross_entropy(torch.from_numpy(of_window.T), torch.tensor(positions_in(window, target)))
        total += both.sum.item() / 2
        correct += both.correct == 2
    return total, len(windows), int(correct)
