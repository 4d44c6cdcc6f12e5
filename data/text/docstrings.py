"""Docstrings to sentences, by rule: prose without its markup, and code line by line."""

import inspect
import re
from collections.abc import Iterator

from data.text.sentences import split_sentences

_MARKUP = re.compile(
    r":[\w:+-]+:`[~!]?([^`<]*?)(?:\s*<[^`]*>)?`"  # :func:`name`, :ref:`text <target>`
    r"|``(.+?)``"
    r"|`([^`<>]+?)(?:\s*<[^`>]*>)?`_{0,2}"  # `name`, `text <https://...>`_
    r"|\*\*(\S(?:[^*]*\S)?)\*\*"
    r"|(?<!\w)\*(\w+)\*(?!\w)"
)
_WORD = re.compile(r"\w")
_LIST_ITEM = re.compile(r"\A(?:[-*+•]|\d+[.)]|\(\d+\)|#\.)\s+")
_UNDERLINE = re.compile(r"([-=~^\"'*+#.`])\1{2,}\s*\Z")


def docstring_sentences(docstring: str) -> list[str]:
    """The sentences of a docstring or a topic. Headings, list items and lines of code stand alone.

    >>> docstring_sentences("Returns the sum,\\nor 0.  See x.\\n\\n>>> add(1, 2)\\n3\\n\\nParameters\\n----------\\n")
    ['Returns the sum, or 0.', 'See x.', '>>> add(1, 2)', '3', 'Parameters']
    """
    sentences = []
    for paragraph, is_prose in _paragraphs(inspect.cleandoc(docstring)):
        found = split_sentences(_without_markup(paragraph)) if is_prose else [" ".join(paragraph.split())]
        sentences += [sentence for sentence in found if _WORD.search(sentence)]
    return sentences


def _paragraphs(docstring: str) -> Iterator[tuple[str, bool]]:
    """(text, whether it is prose): joins the lines of a paragraph; each line of code stands alone."""
    paragraph: list[str] = []
    indentation = 0
    code_below: int | None = None  # the indentation of a line that ended in "::"; the code below it has more
    in_doctest = False
    for line in [*docstring.expandtabs().splitlines(), ""]:
        text = line.strip()
        indented = len(line) - len(line.lstrip())
        if text and code_below is not None and indented <= code_below:
            code_below = None
        is_underline = _UNDERLINE.match(text) is not None
        in_doctest = bool(text) and (in_doctest or text.startswith(">>>")) and not is_underline
        is_code = bool(text) and (in_doctest or code_below is not None)
        item = _LIST_ITEM.match(text)
        if paragraph and (not text or is_code or is_underline or item or indented != indentation):
            yield " ".join(paragraph), True
            paragraph = []
        indentation = indented
        if is_code:
            yield text, False
        elif text and not is_underline:
            if text.endswith("::"):
                code_below = indented
            if item:  # its other lines are aligned with its text, not with its mark
                text = text[item.end() :]
                indentation += item.end()
            paragraph.append(text)


def _without_markup(text: str) -> str:
    return _MARKUP.sub(lambda match: next(group for group in match.groups() if group is not None), text)
