"""Answers that are parts of a text: from SQuAD's JSON to batches, and from a model to exact match and F1."""

import math
import statistics
from dataclasses import dataclass

import torch

from bert.evaluation.answers import exact_match, f1
from bert.evaluation.page import table
from bert.evaluation.report import Evaluation
from bert.heads.span import BertForQuestionAnswering
from bert.predict_spans import Answer, best_answers
from bert.tokenization.question_windows import QuestionWindow, question_windows
from bert.training.distributed import Processes
from bert.training.loop import mean_losses
from bert.training.precision import Precision
from data.tasks.batches import Batch, TaskBatches, input_batch
from data.tasks.spans import Question

MOST_MISTAKES = 20  # questions on the report's page


@dataclass(frozen=True)
class Questions:
    """A set of questions. source: where they are from; inputs: of each question the windows over its context; too_long:
    how many have several.
    """

    source: str
    examples: list[Question]
    inputs: list[list[QuestionWindow]]
    too_long: int


class SpanTask:
    """Extractive question answering with its questions: what the script needs to train a model and to measure one.

    Args:
        sets: "train", "dev" and perhaps "test": (source, questions).
        null_threshold: "no answer" is predicted where its score is above that of the best answer by more than this;
            None: every question has an answer (SQuAD 1.1).
    """

    model_class = BertForQuestionAnswering
    head = "qa_outputs"
    labels = ()

    def __init__(
        self, sets: dict[str, tuple[str, list[Question]]], tokenizer, max_length: int, null_threshold: float | None
    ):
        self.tokenizer, self.null_threshold = tokenizer, null_threshold
        self.sets = {}
        for name, (source, questions) in sets.items():
            inputs = [
                question_windows(tokenizer, question.question, question.context, max_length) for question in questions
            ]
            self.sets[name] = Questions(source, questions, inputs, sum(len(windows) > 1 for windows in inputs))

    @property
    def model_arguments(self) -> dict:
        """What the model's constructor takes besides the configuration."""
        return {}

    def batches(
        self, batch_size: int, seed: int, processes: Processes, accumulate: int, position, length: int | None
    ) -> TaskBatches:
        """The endless training batches; each window is a row, the answer of one that does not hold it is [CLS]."""
        rows = self._rows("train")
        return TaskBatches(
            [len(window.input.input_ids) for window, _ in rows],
            lambda chosen: self._batch([rows[row] for row in chosen], length),
            batch_size, seed, processes.rank, processes.count, accumulate, position,
        )  # fmt: skip

    def evaluate(
        self, model: BertForQuestionAnswering, name: str, precision: Precision, processes: Processes,
        in_full: bool = False,
    ) -> Evaluation:  # fmt: skip
        """Exact match and F1 on a set, the same in every process.

        Args:
            in_full: also what the report shows: predictions and the questions most confidently answered wrongly.
        """
        questions = self.sets[name]
        was_training = model.training
        with precision.autocast():
            mine = best_answers(model, questions.inputs[processes.rank :: processes.count], self.tokenizer.pad_token_id)
        model.train(was_training)
        answers: list[Answer] = [Answer(0, 0, -math.inf, math.inf)] * len(questions.examples)
        for rank, share in enumerate(processes.gather(mine)):
            answers[rank :: processes.count] = share
        rows = self._rows(name)[processes.rank :: processes.count]
        batches = (self._batch(rows[first : first + 32], None) for first in range(0, len(rows), 32))
        losses = mean_losses(model, batches, precision, processes)
        predicted = [self._in_words(question, answer) for question, answer in zip(questions.examples, answers)]
        golden = [[text for text, _ in question.answers] for question in questions.examples]
        matches = [exact_match(*pair) for pair in zip(predicted, golden)]
        overlaps = [f1(*pair) for pair in zip(predicted, golden)]
        metrics = {"f1": statistics.mean(overlaps), "exact_match": statistics.mean(matches)}
        if not in_full:
            return Evaluation(metrics, losses)
        wrong = sorted(
            (place for place, overlap in enumerate(overlaps) if overlap == 0),
            key=lambda place: answers[place].null_score - answers[place].score,
        )[:MOST_MISTAKES]
        shown = [
            [answers[place].score, questions.examples[place].question, " | ".join(golden[place]), predicted[place],
             questions.examples[place].context[:500]]
            for place in wrong
        ]  # fmt: skip
        return Evaluation(
            metrics, losses, ["id", "answers", "prediction", "score", "null score", "f1"],
            [[question.id, " | ".join(texts), text, answer.score, answer.null_score, overlap]
             for question, texts, text, answer, overlap
             in zip(questions.examples, golden, predicted, answers, overlaps)],
            [("Most confidently wrong", table(["score", "question", "answers", "prediction", "context"], shown))],
        )  # fmt: skip

    def _in_words(self, question: Question, answer: Answer) -> str:
        if self.null_threshold is not None and answer.null_score - answer.score > self.null_threshold:
            return ""
        return question.context[answer.start : answer.end]

    def _rows(self, name: str) -> list[tuple[QuestionWindow, tuple[int, int]]]:
        """(window, the positions of the first answer in it) of each window of each question."""
        rows = []
        for question, windows in zip(self.sets[name].examples, self.sets[name].inputs):
            for window in windows:
                text, start = question.answers[0] if question.answers else ("", 0)
                rows.append((window, window.positions_of(start, start + len(text)) if text else (0, 0)))
        return rows

    def _batch(self, rows: list[tuple[QuestionWindow, tuple[int, int]]], length: int | None) -> Batch:
        """The rows as tensors, with start_positions and end_positions (batch,)."""
        batch = input_batch([window.input for window, _ in rows], self.tokenizer.pad_token_id, length)
        starts, ends = zip(*(positions for _, positions in rows))
        return batch | {"start_positions": torch.tensor(starts), "end_positions": torch.tensor(ends)}
