"""Exact match and F1 of answers, as the official scripts of SQuAD 1.1 and 2.0 count them."""

import math
import re
import statistics
import string
from collections import Counter
from collections.abc import Sequence

from bert.tasks.baseline import Baseline
from bert.tasks.mistakes import PREDICTED, TRUE, Mark, Mistake, marked, worst
from bert.tasks.options import Options
from bert.tasks.page import WORST_SHOWN
from bert.tasks.report import Evaluation
from bert.tasks.spans.predict import Answer, answer_in_words
from bert.tasks.spans.read import Question

_PUNCTUATION = str.maketrans("", "", string.punctuation)


def baseline_of_answers(questions: Sequence[Question], labels: Sequence[str], options: Options) -> Baseline:
    """That there is no answer. If each training question has one: the whole context."""
    if options.null_threshold is not None:
        return Baseline("always 'no answer'", lambda question: Answer(0, 0, 0.0, null_score=math.inf), "no_answer")
    return Baseline("always the whole context", lambda question: Answer(0, len(question.context), 0.0, 0.0), "context")


def measure_answers(
    questions: Sequence[Question], answers: Sequence[Answer], labels: Sequence[str], options: Options, in_full: bool
) -> Evaluation:
    """The mean exact match and F1; in full also the predictions and the most confident wrong answers."""
    threshold = options.null_threshold
    predicted = [answer_in_words(each.context, answer, threshold) for each, answer in zip(questions, answers)]
    right = [[text for text, _ in question.answers] for question in questions]
    version_2 = threshold is not None or not all(right)
    overlaps = [f1(text, texts, version_2) for text, texts in zip(predicted, right)]
    exact = [exact_match(text, texts, version_2) for text, texts in zip(predicted, right)]
    metrics = {"f1": statistics.mean(overlaps), "exact_match": statistics.mean(exact)}
    if not in_full:
        return Evaluation(metrics)
    wrong = sorted(
        (index for index, overlap in enumerate(overlaps) if overlap == 0),
        key=lambda index: -_confidence(answers[index], threshold),
    )[:WORST_SHOWN]
    return Evaluation(
        metrics,
        header=["id", "answers", "prediction", "score", "null score", "f1", *(["question"] if options.text else [])],
        rows=[
            [question.id, " | ".join(texts), text, answer.score, answer.null_score, overlap,
             *([question.question] if options.text else [])]
            for question, texts, text, answer, overlap in zip(questions, right, predicted, answers, overlaps)
        ],
        sections=[
            worst("Most confidently wrong", [_mistake(questions[i], answers[i], predicted[i]) for i in wrong])
        ],
    )  # fmt: skip


def _mistake(question: Question, answer: Answer, predicted: str) -> Mistake:
    """The question above its context, in which the answers and the prediction are marked."""
    right = dict.fromkeys(question.answers)
    marks = [Mark(start, start + len(text), TRUE, "true") for text, start in right]
    marks += [Mark(answer.start, answer.end, PREDICTED, "predicted")] if predicted else []
    return Mistake(
        {"question": question.question, "score": answer.score, "id": question.id or "",
         "true": " | ".join(dict.fromkeys(text for text, _ in right)) or "no answer",
         "predicted": predicted or "no answer"},
        [marked(question.context, marks)],
    )  # fmt: skip


def normalized(answer: str) -> str:
    """An answer without capitals, ASCII punctuation, articles and extra spaces.

    >>> normalized("The  U.S. (an ally)")
    'us ally'
    """
    answer = answer.lower().translate(_PUNCTUATION)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", answer).split())


def exact_match(predicted: str, answers: Sequence[str], version_2: bool = True) -> float:
    """1 if the prediction is one of the answers, normalized. If there is no answer, "" is right.

    Args:
        version_2: see ``f1``.
    """
    return float(any(normalized(predicted) == answer for answer in _golden(answers, version_2)))


def f1(predicted: str, answers: Sequence[str], version_2: bool = True) -> float:
    """The best F1 of the prediction's words with the words of an answer.

    Args:
        version_2: whether questions may have no answer. The official scripts differ if nothing is left of an answer,
            such as "the". In ``evaluate-v2.0.py`` it is no answer, and the F1 of two empty ones is 1. In
            ``evaluate-v1.1.py`` it stays one, and its F1 is 0: no word is shared.
    """
    return max(_f1(normalized(predicted).split(), answer.split(), version_2) for answer in _golden(answers, version_2))


def _golden(answers: Sequence[str], version_2: bool) -> list[str]:
    """The answers, normalized. In version 2 without those of which nothing is left; without any, "" alone."""
    return [answer for answer in map(normalized, answers) if answer or not version_2] or [""]


def _f1(predicted: list[str], answer: list[str], version_2: bool) -> float:
    if version_2 and (not predicted or not answer):
        return float(predicted == answer)
    shared = (Counter(predicted) & Counter(answer)).total()
    return 2 * shared / (len(predicted) + len(answer)) if shared else 0.0


def _confidence(answer: Answer, null_threshold: float | None) -> float:
    """How far the prediction, an answer or that there is none, leads."""
    lead = answer.score - answer.null_score
    return lead if null_threshold is None else abs(lead + null_threshold)
