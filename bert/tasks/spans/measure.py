"""Exact match and F1 of answers, as the official scripts of SQuAD 1.1 and 2.0 count them."""

import re
import statistics
import string
from collections import Counter
from collections.abc import Sequence

from bert.tasks.options import Options
from bert.tasks.page import WORST_SHOWN, table
from bert.tasks.report import Evaluation
from bert.tasks.spans.predict import Answer, answer_in_words
from bert.tasks.spans.read import Question

_PUNCTUATION = str.maketrans("", "", string.punctuation)


def measure_answers(
    questions: Sequence[Question], answers: Sequence[Answer], labels: Sequence[str], options: Options, in_full: bool
) -> Evaluation:
    """The mean exact match and F1; in full also the predictions and the most confident wrong answers."""
    threshold = options.null_threshold
    predicted = [answer_in_words(each.context, answer, threshold) for each, answer in zip(questions, answers)]
    right = [[text for text, _ in question.answers] for question in questions]
    overlaps = list(map(f1, predicted, right))
    metrics = {"f1": statistics.mean(overlaps), "exact_match": statistics.mean(map(exact_match, predicted, right))}
    if not in_full:
        return Evaluation(metrics)
    wrong = sorted(
        (index for index, overlap in enumerate(overlaps) if overlap == 0),
        key=lambda index: -_confidence(answers[index], threshold),
    )[:WORST_SHOWN]
    shown = [
        [answers[index].score, questions[index].question, " | ".join(right[index]), predicted[index],
         questions[index].context[:500]]
        for index in wrong
    ]  # fmt: skip
    return Evaluation(
        metrics,
        header=["id", "answers", "prediction", "score", "null score", "f1"],
        rows=[
            [question.id, " | ".join(texts), text, answer.score, answer.null_score, overlap]
            for question, texts, text, answer, overlap in zip(questions, right, predicted, answers, overlaps)
        ],
        sections=[("Most confidently wrong", table(["score", "question", "answers", "prediction", "context"], shown))],
    )


def normalized(answer: str) -> str:
    """An answer without capitals, ASCII punctuation, articles and extra spaces.

    >>> normalized("The  U.S. (an ally)")
    'us ally'
    """
    answer = answer.lower().translate(_PUNCTUATION)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", answer).split())


def exact_match(predicted: str, answers: Sequence[str]) -> float:
    """1 if the prediction is one of the answers, normalized. If there is no answer, "" is right."""
    return float(any(normalized(predicted) == answer for answer in _golden(answers)))


def f1(predicted: str, answers: Sequence[str]) -> float:
    """The best F1 of the prediction's words with the words of an answer. Of two empty ones it is 1."""
    return max(_f1(normalized(predicted).split(), answer.split()) for answer in _golden(answers))


def _golden(answers: Sequence[str]) -> list[str]:
    """The answers, normalized; "" alone if nothing is left of any of them (``evaluate-v2.0.py``)."""
    return [answer for answer in map(normalized, answers) if answer] or [""]


def _f1(predicted: list[str], answer: list[str]) -> float:
    if not predicted or not answer:
        return float(predicted == answer)
    shared = (Counter(predicted) & Counter(answer)).total()
    return 2 * shared / (len(predicted) + len(answer))


def _confidence(answer: Answer, null_threshold: float | None) -> float:
    """How far the prediction, an answer or that there is none, leads."""
    lead = answer.score - answer.null_score
    return lead if null_threshold is None else abs(lead + null_threshold)
