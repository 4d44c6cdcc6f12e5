"""Answers that are parts of a text: from SQuAD's JSON to batches, and from a model to exact match and F1."""

import statistics
from collections.abc import Sequence

import numpy as np
import torch

from bert.evaluation.answers import exact_match, f1
from bert.evaluation.page import WORST_SHOWN, table
from bert.evaluation.report import Evaluation
from bert.heads.loss import Loss, cross_entropy
from bert.heads.span import BertForQuestionAnswering
from bert.predict_spans import NO_ANSWER, Answer, answer_in_words, better_answer, span_logits
from bert.task_inputs.questions import Question
from bert.tokenization.question_windows import QuestionWindow, question_windows
from bert.training.distributed import Processes
from bert.training.precision import Precision
from data.tasks.batches import Batch, input_batch
from finetuning.measuring import in_shares, mean_of
from finetuning.sets import in_windows


class SpanTask:
    """Extractive question answering with its questions: what the script needs to train a model and to measure one.

    Args:
        sets: "train", "dev" and perhaps "test": (source, questions).
        null_threshold: "no answer" is predicted where its score is above that of the best answer by more than this;
            None: every question has an answer (SQuAD 1.1).
    """

    model_class = BertForQuestionAnswering
    head = "qa_outputs"
    batches_by_length = True
    labels = ()

    def __init__(
        self, sets: dict[str, tuple[str, list[Question]]], tokenizer, max_length: int, null_threshold: float | None
    ):
        self.tokenizer, self.null_threshold = tokenizer, null_threshold
        self.sets = {}
        for name, (_, questions) in sets.items():
            inputs = [
                question_windows(tokenizer, question.question, question.context, max_length) for question in questions
            ]
            self.sets[name] = in_windows(questions, inputs)
        self._rows = self.sets["train"].windows()

    @property
    def model_arguments(self) -> dict:
        """What the model's constructor takes besides the configuration."""
        return {}

    def row_lengths(self) -> list[int]:
        """Of the rows that are trained on, in tokens; each window is one."""
        return [len(window.input.input_ids) for window, _ in self._rows]

    def make_batch(self, chosen: np.ndarray) -> Batch:
        """The rows of these numbers as tensors, with start_positions and end_positions (batch,): those of [CLS] where a
        window does not hold the answer.
        """
        rows = [self._rows[row] for row in chosen]
        batch = input_batch([window.input for window, _ in rows], self.tokenizer.pad_token_id)
        starts, ends = zip(*(answer_positions(question, window) for window, question in rows))
        return batch | {"start_positions": torch.tensor(starts), "end_positions": torch.tensor(ends)}

    def evaluate(
        self, model: BertForQuestionAnswering, name: str, precision: Precision, processes: Processes,
        in_full: bool = False,
    ) -> Evaluation:  # fmt: skip
        """Exact match and F1 on a set, the same in every process.

        Args:
            in_full: also what the report shows: predictions and the questions most confidently answered wrongly.
        """
        questions = self.sets[name]
        asked = list(zip(questions.examples, questions.inputs))
        found = in_shares(lambda share: self._answers(model, share), asked, model, precision, processes)
        answers, of_questions = zip(*found)
        losses = mean_of("span", Loss(*map(sum, zip(*of_questions))))
        predicted = [
            answer_in_words(question.context, answer, self.null_threshold)
            for question, answer in zip(questions.examples, answers)
        ]
        golden = [[text for text, _ in question.answers] for question in questions.examples]
        matches = [exact_match(*pair) for pair in zip(predicted, golden)]
        overlaps = [f1(*pair) for pair in zip(predicted, golden)]
        metrics = {"f1": statistics.mean(overlaps), "exact_match": statistics.mean(matches)}
        if not in_full:
            return Evaluation(metrics, losses)
        wrong = sorted(
            (place for place, overlap in enumerate(overlaps) if overlap == 0),
            key=lambda place: -_confidence(answers[place], self.null_threshold),
        )[:WORST_SHOWN]
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

    def _answers(
        self, model: BertForQuestionAnswering, asked: Sequence[tuple[Question, list[QuestionWindow]]]
    ) -> list[tuple[Answer, Loss]]:
        """The best answer to each question, and the loss over its windows (see ``BertForQuestionAnswering.losses``), as
        numbers.
        """
        windows = [(place, window) for place, (_, parts) in enumerate(asked) for window in parts]
        answers, losses = [NO_ANSWER] * len(asked), [Loss(0.0, 0, 0)] * len(asked)
        only_windows = [window for _, window in windows]
        for number, start_logits, end_logits in span_logits(model, only_windows, self.tokenizer.pad_token_id):
            place, window = windows[number]
            answers[place] = better_answer(answers[place], window, start_logits, end_logits)
            positions = torch.tensor(answer_positions(asked[place][0], window))  # (start and end,)
            both = cross_entropy(torch.from_numpy(np.stack([start_logits, end_logits])), positions)
            before = losses[place]
            losses[place] = Loss(
                before.sum + both.sum.item() / 2, before.count + 1, before.correct + (both.correct.item() == 2)
            )
        return list(zip(answers, losses))


def answer_positions(question: Question, window: QuestionWindow) -> tuple[int, int]:
    """The first and last position of the question's first answer in a window; those of [CLS] where it is not there."""
    if not question.answers:
        return 0, 0
    text, start = question.answers[0]
    return window.positions_of(start, start + len(text))


def _confidence(answer: Answer, null_threshold: float | None) -> float:
    """How far what is said, the answer or that there is none, leads."""
    lead = answer.score - answer.null_score
    return lead if null_threshold is None else abs(lead + null_threshold)
