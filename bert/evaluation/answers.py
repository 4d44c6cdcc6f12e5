"""Exact match and F1 of answers, as the official scripts of SQuAD 1.1 and 2.0 count them."""

import re
import string
from collections import Counter
from collections.abc import Sequence

_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalized(answer: str) -> str:
    """An answer without capitals, ASCII punctuation, articles and extra spaces.

    >>> normalized("The  U.S. (an ally)")
    'us ally'
    """
    answer = answer.lower().translate(_PUNCTUATION)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", answer).split())


def exact_match(predicted: str, answers: Sequence[str]) -> float:
    """1 where the prediction is one of the answers, normalized; where there is no answer, the right one is ""."""
    return float(any(normalized(predicted) == answer for answer in _golden(answers)))


def f1(predicted: str, answers: Sequence[str]) -> float:
    """The best F1 of the prediction's words with those of an answer; of an empty one, 1 where both are empty."""
    return max(_f1(normalized(predicted).split(), answer.split()) for answer in _golden(answers))


def _golden(answers: Sequence[str]) -> list[str]:
    """The answers, normalized; "" alone where nothing is left of any of them (``evaluate-v2.0.py``)."""
    return [answer for answer in map(normalized, answers) if answer] or [""]


def _f1(predicted: list[str], answer: list[str]) -> float:
    if not predicted or not answer:
        return float(predicted == answer)
    shared = (Counter(predicted) & Counter(answer)).total()
    return 2 * shared / (len(predicted) + len(answer))
