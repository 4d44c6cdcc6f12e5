"""Fine-tuning on questions whose answers are parts of a text."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch

from bert.errors import InputError
from bert.heads.loss import Loss, cross_entropy
from bert.heads.span import BertForQuestionAnswering
from bert.tasks.spans.inputs import QuestionWindow
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
        logits = span_logits(model, windows)
        return [
            best_answer(*each)._replace(loss=_loss(*each, part.targets[index]))
            for index, *each in zip(indices, windows, logits)
        ]

    def losses(
        self, model: BertForQuestionAnswering, targets: Sequence[Span | None], predictions: Sequence[Answer]
    ) -> dict[str, Loss]:
        return {"span": _sum([answer.loss for answer in predictions if answer.loss is not None])}


def positions_in(window: QuestionWindow, target: Span | None) -> Span:
    """The first and last position of an answer in a window; those of [CLS] if it is not there."""
    return (0, 0) if target is None else window.positions_of(*target)


def _loss(windows: Sequence[QuestionWindow], logits: Sequence[np.ndarray], target: Span | None) -> Loss:
    """The head's loss over the windows of a question, as numbers."""
    losses = []
    for window, of_window in zip(windows, logits):
        both = cross_entropy(torch.from_numpy(of_window.T), torch.tensor(positions_in(window, target)))
        losses.append(Loss(both.sum.item() / 2, 1, both.correct.item() == 2))
    return _sum(losses)


def _sum(losses: Sequence[Loss]) -> Loss:
    return Loss(*(sum(values) for values in zip(*losses)))
