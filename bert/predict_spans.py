"""Answers to questions: the best span over all windows of a context."""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch

from bert.heads.span import BertForQuestionAnswering
from bert.prediction_batches import TEXTS_AT_A_TIME, batches_by_length, tokens_at_once
from bert.tokenization.long_texts import pad_inputs
from bert.tokenization.question_windows import QuestionWindow, question_windows

LONGEST_ANSWER = 30  # pieces; google-research/bert run_squad.py, max_answer_length
CANDIDATES = 20  # best starts of each window, n_best_size; its ends are all tried here


class Answer(NamedTuple):
    """start, end: of the best span in the context, in characters; score: the sum of its logits; null_score: that of
    "there is no answer", the lowest of the windows' scores of [CLS]. A context without pieces has (0, 0).
    """

    start: int
    end: int
    score: float
    null_score: float


NO_ANSWER = Answer(0, 0, -math.inf, math.inf)  # before a window is looked at


def best_span(window: QuestionWindow, start_logits: np.ndarray, end_logits: np.ndarray) -> tuple[float, int, int]:
    """(score, first position, last position) of a window's best span; the score is -inf where there is none.

    A span begins at a piece that has its maximum context in this window, ends at or after it, and is at most
    LONGEST_ANSWER long.

    Args:
        start_logits, end_logits: (seq,)
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


def better_answer(answer: Answer, window: QuestionWindow, start_logits: np.ndarray, end_logits: np.ndarray) -> Answer:
    """The answer found so far, or that of one more window of the context where its score is higher.

    Args:
        start_logits, end_logits: (seq,), of the window, with or without its padding.
    """
    length = len(window.input.input_ids)
    score, start, end = best_span(window, start_logits[:length], end_logits[:length])
    null_score = min(answer.null_score, float(start_logits[0] + end_logits[0]))
    if score <= answer.score:
        return answer._replace(null_score=null_score)
    return Answer(int(window.offsets[start, 0]), int(window.offsets[end, 1]), score, null_score)


@torch.inference_mode()
def span_logits(
    model: BertForQuestionAnswering, windows: Sequence[QuestionWindow], pad_token_id: int,
    most_tokens: int | None = None,
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:  # fmt: skip
    """(window's number, its start_logits, its end_logits) of each window, both (tokens,) float32, without padding.

    They come by length, since windows of about one length go through the model together.
    """
    model.eval()
    device = model.qa_outputs.weight.device
    lengths = [len(window.input.input_ids) for window in windows]
    for batch in batches_by_length(lengths, most_tokens or tokens_at_once(model)):
        arrays = pad_inputs([windows[number].input for number in batch], pad_token_id)
        output = model(**{name: torch.from_numpy(array).to(device) for name, array in arrays.items()})
        starts, ends = output.start_logits.float().cpu().numpy(), output.end_logits.float().cpu().numpy()
        for number, start_logits, end_logits in zip(batch, starts, ends):
            tokens = len(windows[number].input.input_ids)
            yield number, start_logits[:tokens], end_logits[:tokens]


def best_answers(
    model: BertForQuestionAnswering, questions: Sequence[Sequence[QuestionWindow]], pad_token_id: int,
    most_tokens: int | None = None,
) -> list[Answer]:  # fmt: skip
    """The best answer to each question, over all windows of its context."""
    windows = [(place, window) for place, parts in enumerate(questions) for window in parts]
    answers = [NO_ANSWER] * len(questions)
    for number, *logits in span_logits(model, [window for _, window in windows], pad_token_id, most_tokens):
        place, window = windows[number]
        answers[place] = better_answer(answers[place], window, *logits)
    return answers


def answer_in_words(context: str, answer: Answer, null_threshold: float | None) -> str:
    """The answer's part of the context; "" for "there is no answer", where that has a score above the answer's by more
    than null_threshold (None: every question has an answer, as in SQuAD 1.1).
    """
    if null_threshold is not None and answer.null_score - answer.score > null_threshold:
        return ""
    return context[answer.start : answer.end]


def predict_answers(
    model: BertForQuestionAnswering, tokenizer, pairs: Iterable[tuple[str, str]], max_length: int,
    most_tokens: int | None = None, null_threshold: float | None = None,
) -> Iterator[tuple[str, float, float]]:  # fmt: skip
    """(answer, its score, the score of "there is no answer") for each question and context, as they come.

    Args:
        null_threshold: see ``answer_in_words``.
    """
    pairs = iter(pairs)
    while chunk := list(islice(pairs, TEXTS_AT_A_TIME)):
        windows = [question_windows(tokenizer, question, context, max_length) for question, context in chunk]
        answers = best_answers(model, windows, tokenizer.pad_token_id, most_tokens)
        for (_, context), answer in zip(chunk, answers):
            yield answer_in_words(context, answer, null_threshold), answer.score, answer.null_score
