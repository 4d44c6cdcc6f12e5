"""What queries find, on the page of the report."""

from collections.abc import Sequence
from typing import NamedTuple

from bert.tasks.mistakes import RIGHT, Mark, Mistake, marked, worst
from bert.tasks.page import WORST_SHOWN, Section

SHOWN_TEXTS = 3  # that a query finds first
LONGEST_TEXT = 300  # letters of a text


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
    """The query and the beginnings of the texts that come first, and of its right text, which is marked."""
    texts = [(number, *found) for number, found in enumerate(each.first, start=1)]
    if each.rank > SHOWN_TEXTS:
        texts.append((each.rank, each.right, each.score))
    shown = []
    for rank, text, score in texts:
        beginning = text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]} …"
        marks = [Mark(0, len(beginning), RIGHT)] if text == each.right else []
        shown.append(f"<b>{rank:,}.</b> {marked(beginning, marks)} ({score:.3f})")
    return Mistake({"line": each.line, "query": each.query, "rank": each.rank}, shown)
