"""What queries find, on the page of the report."""

from collections.abc import Sequence
from typing import NamedTuple

from bert.tasks.mistakes import Mistake, marked, worst
from bert.tasks.page import WORST_SHOWN, Section

SHOWN_TEXTS = 3  # that a query finds first


class FoundTexts(NamedTuple):
    """What a query finds."""

    line: int  # of the query in its file
    query: str
    rank: int  # of the right text, the best of several
    first: list[tuple[str, float]]  # the texts found first, with their cosines
    right: str  # the right text, the best of several
    score: float  # its cosine


def search_sections(found: Sequence[FoundTexts]) -> list[Section]:
    """The queries whose texts have the lowest ranks, and some of those that find theirs first."""
    by_rank = sorted(found, key=lambda each: (-each.rank, each.score))
    best = [each for each in reversed(by_rank) if each.rank == 1]
    return [
        worst("Worst queries", map(_shown, (each for each in by_rank[:WORST_SHOWN] if each.rank > 1))),
        worst("Best queries", map(_shown, best[: WORST_SHOWN // 2])),
    ]


def _shown(each: FoundTexts) -> Mistake:
    """The query, its right text, and the texts that come first."""
    first = [f"<b>{number}.</b> {marked(text)} ({score:.3f})" for number, (text, score) in enumerate(each.first, 1)]
    right = [f"<b>{each.rank:,}.</b> {marked(each.right)} ({each.score:.3f})"] if each.rank > SHOWN_TEXTS else []
    return Mistake({"line": each.line, "query": each.query, "rank": each.rank}, [*first, *right])
