"""Pairs of sentences: B follows A (label 0), or B is from another document (label 1); appendix A.2."""

from collections.abc import Collection, Sequence
from typing import NamedTuple


class Pair(NamedTuple):
    """A and B as lists of token numbers. Tokens are numbered through the corpus."""

    a: Sequence[int]
    b: Sequence[int]
    is_random: bool


def fault(pair: Pair, document_of: Sequence[int], starts: Collection[int], longest: int) -> str | None:
    """What is wrong with a pair; None if nothing is.

    Args:
        document_of: the document of each token.
        starts: the first token of each sentence.
        longest: the most tokens of A and B together.
    """
    a, b = list(pair.a), list(pair.b)
    if not a or not b:
        return "A or B is empty"
    if len(a) + len(b) > longest:
        return "A and B are too long"
    if len({document_of[token] for token in a}) > 1 or len({document_of[token] for token in b}) > 1:
        return "A or B is of two documents"
    is_other = document_of[a[0]] != document_of[b[0]]
    if pair.is_random and not is_other:
        return "a random B is of A's own document"
    if not pair.is_random and is_other:
        return "a B that follows is of another document"
    whole = len(a) + len(b) < longest  # nothing was cut off
    if whole and (a[0] not in starts or b[0] not in starts):
        return "A or B begins within a sentence"
    if whole and not pair.is_random and b[0] != a[-1] + 1:
        return "B does not follow A"
    if not pair.is_random and b[0] <= a[-1]:
        return "B stands before A"
    return None
