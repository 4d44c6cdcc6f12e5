"""Answers to questions: the best span over all windows of a context."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from bert.heads.batch import Batch
from bert.heads.spans import BertForQuestionAnswering
from bert.tasks.options import Options
from bert.tasks.prediction import window_scores
from bert.tasks.spans.inputs import QuestionWindow
from bert.tasks.spans.read import Question
from bert.tasks.windows import WindowsOfEach

LONGEST_ANSWER = 30  # pieces; google-research/bert run_squad.py, max_answer_length
CANDIDATES = 20  # the best starts of each window, n_best_size; all ends of each are tried here


class Answer(NamedTuple):
    """The best span of a context. A context without pieces has (0, 0)."""

    start: int  # in characters
    end: int
    score: float  # the sum of its two logits
    null_score: float  # the same sum at [CLS], "there is no answer"; the lowest of the windows
    loss: tuple[float, int, int] = (0.0, 0, 0)  # of the right answer over the windows: sum, windows, right ones


def predict_answers(model: BertForQuestionAnswering, examples: WindowsOfEach, options: Options) -> list[Answer]:
    """The best answer to each question, over the windows of its context."""
    return list(map(best_answer, examples, span_logits(model, examples)))


def span_logits(model: BertForQuestionAnswering, examples: WindowsOfEach) -> list[list[np.ndarray]]:
    """The start and end logits of each window of each question, (tokens, 2) float32."""

    def score(batch: Batch) -> Tensor:
        output = model(**batch.inputs)
        return torch.stack([output.start_logits, output.end_logits], dim=-1)

    return window_scores(model, examples, score, len)


def best_answer(windows: Sequence[Any], logits: Sequence[np.ndarray]) -> Answer:
    """The answer with the highest score of all windows.

    Args:
        windows: ``QuestionWindow``s.
        logits: (tokens, 2) of each.
    """
    answer = Answer(0, 0, -math.inf, math.inf)
    for window, of_window in zip(windows, logits):
        score, start, end = best_span(window, of_window[:, 0], of_window[:, 1])
        null_score = min(answer.null_score, float(of_window[0].sum()))
        if score > answer.score:
            answer = Answer(int(window.offsets[start, 0]), int(window.offsets[end, 1]), score, null_score)
        else:
            answer = answer._replace(null_score=null_score)
    return answer


def best_span(window: QuestionWindow, start_logits: np.ndarray, end_logits: np.ndarray) -> tuple[float, int, int]:
    """(score, first position, last position) of a window's best span. Without one the score is -inf.

    A span starts at a piece that counts in this window. It has at most LONGEST_ANSWER pieces.

    Args:
        start_logits, end_logits: (tokens,)
    """
    is_context = window.offsets[:, 0] >= 0
    starts = np.where(is_context & window.is_max_context, start_logits, -np.inf)
    ends = np.where(is_context, end_logits, -np.inf)
    best = (-np.inf, 0, 0)
    for start in np.argsort(-starts, kind="stable")[:CANDIDATES]:
        last = ends[start : start + LONGEST_ANSWER]
        end = int(start) + int(last.argmax())
        score = float(starts[start] + ends[end])
        if score > best[0]:
            best = (score, int(start), end)
    return best


def answer_in_words(context: str, answer: Answer, null_threshold: float | None) -> str:
    """The answer's part of the context, or "" if "no answer" leads by more than ``null_threshold``.

    With None every question has an answer, as in SQuAD 1.1.
    """
    if null_threshold is not None and answer.null_score - answer.score > null_threshold:
        return ""
    return context[answer.start : answer.end]


def answer_rows(
    model: BertForQuestionAnswering, predictions: Iterable[tuple[Question, Answer]], options: Options
) -> Iterator[Sequence[Any]]:
    """The header, then a row for each question; with its id, if questions have ids."""
    header = ["prediction", "score", "null score", *(["question"] if options.text else [])]
    for index, (question, answer) in enumerate(predictions):
        has_id = question.id is not None
        if index == 0:
            yield ["id", *header] if has_id else header
        text = answer_in_words(question.context, answer, options.null_threshold)
        row = [text, answer.score, answer.null_score, *([question.question] if options.text else [])]
        yield [question.id, *row] if has_id else row
