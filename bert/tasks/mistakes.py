"""A model's worst mistakes on a page: each in its text, with the true and the predicted parts marked."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from bert.tasks.page import WIDE, Section, shown

LONGEST_TEXT = 1_200  # letters of a text on the page
AROUND = 150  # letters shown on each side of a mark in a longer text
TRUE, PREDICTED, RIGHT = "true", "predicted", "right"  # the roles of marks
LONGEST_FACT = 300  # letters


class Mark(NamedTuple):
    """A marked part of a text: its characters from ``start`` up to, not including, ``end``."""

    start: int
    end: int
    role: str  # TRUE, PREDICTED, RIGHT or ""
    note: str = ""  # stands behind it


class Mistake(NamedTuple):
    """A mistake as the page shows it."""

    facts: Mapping[str, Any]  # by name, such as its line; "true" and "predicted" have their own colours
    texts: Sequence[str]  # HTML: of a pair two


def worst(heading: str, mistakes: Iterable[Mistake]) -> Section:
    """A section with mistakes, one after the other."""
    items = "".join(map(_item, mistakes))
    return Section(heading, f'<ol class="mistakes">\n{items}</ol>' if items else "<p>There are none.</p>", WIDE)


def marked(text: str, marks: Iterable[Mark] = ()) -> str:
    """The HTML of a text with its marks, which may overlap. Of a long text the parts around the marks are shown.

    >>> marked("Rio won.", [Mark(0, 3, RIGHT, "LOC")])
    '<mark class="right">Rio</mark><small class="right">LOC</small> won.'
    """
    marks = [mark for mark in marks if mark.start < mark.end]
    kept = excerpt(len(text), marks)
    edges = {edge for start, end in kept for edge in (start, end)}
    edges |= {edge for mark in marks for edge in (mark.start, mark.end)}
    parts, last = [], 0
    for start, end in kept:
        if start > last:
            parts.append(" … ")
        inside = sorted(edge for edge in edges if start <= edge <= end)
        for first, after in itertools.pairwise(inside):
            parts.append(_piece(text[first:after], [m for m in marks if m.start <= first and after <= m.end]))
            parts += [
                f'<small class="{mark.role}">{shown(mark.note)}</small>'
                for mark in marks
                if mark.end == after and mark.note
            ]
        last = end
    return "".join(parts) + (" …" if last < len(text) else "")


def excerpt(length: int, marks: Sequence[Mark]) -> list[tuple[int, int]]:
    """(start, end) of the parts of a text to show: all of it, or what is around its marks, or its beginning.

    >>> excerpt(9_000, [Mark(5_000, 5_010, TRUE), Mark(5_200, 5_220, PREDICTED)])
    [(4850, 5370)]
    """
    if length <= LONGEST_TEXT or not marks:
        return [(0, min(length, LONGEST_TEXT))]
    parts: list[tuple[int, int]] = []
    room = LONGEST_TEXT
    for mark in sorted(marks):
        start, end = max(0, mark.start - AROUND), min(length, mark.end + AROUND)
        if parts and start <= parts[-1][1]:
            start = parts[-1][1]
        end = min(end, start + room)
        if end > start:
            room -= end - start
            if parts and start == parts[-1][1]:
                parts[-1] = (parts[-1][0], end)
            else:
                parts.append((start, end))
    return parts


def _piece(text: str, marks: Sequence[Mark]) -> str:
    content = shown(text, most=LONGEST_TEXT)
    roles = " ".join(dict.fromkeys(mark.role for mark in marks))
    return f'<mark class="{roles}">{content}</mark>' if marks else content


def _item(mistake: Mistake) -> str:
    facts = "".join(_fact(name, value) for name, value in mistake.facts.items())
    texts = "".join(f'<p dir="auto"><bdi>{text}</bdi></p>' for text in mistake.texts)
    return f'<li><dl class="facts">{facts}</dl><div class="texts">{texts}</div></li>\n'


def _fact(name: str, value: Any) -> str:
    words = f"{value:.3f}" if isinstance(value, float) else value
    opening = f'<dd class="{name}">' if name in (TRUE, PREDICTED) else "<dd>"
    return f"<div><dt>{name}</dt>{opening}<bdi>{shown(words, LONGEST_FACT)}</bdi></dd></div>"
