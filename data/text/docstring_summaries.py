"""Summaries that every Python installation carries: the first paragraph of a docstring says what the rest tells.

The libraries are the project's own requirements. Only some of the words of a summary are in the text it summarizes, so
it must be written, not cut out. XSum is such a corpus: Narayan et al. 2018, "Don't Give Me the Details, Just the
Summary!".
"""

import inspect
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from bert.workers import in_order
from data.text.docstrings import docstring_sentences
from data.text.python_docs import faster_parsing, parse_docstrings, source_files

LIBRARIES = ("numpy", "torch", "sklearn", "matplotlib")  # besides the standard library; as they are imported
SUMMARY_WORDS = range(3, 31)
LEAST_WORDS = 10  # of the rest
_FILES_PER_TASK = 16
_BLANK_LINES = re.compile(r"\n\s*\n")
_SIGNATURE = re.compile(r"[\w.]+\(.*\)(\s*[-=]>.*)?")
_NO_SUMMARY = re.compile(  # a section of parameters or the like, a directive, or code
    r"(args|arguments|attributes|examples?|keyword args|notes?|parameters|raises|returns|usage|yields)\s*(:|\n|$)"
    r"|\.\. |>>>|::",
    re.IGNORECASE,
)


class DocstringSummary(NamedTuple):
    """A docstring in two parts."""

    library: str  # "python" (the standard library) or one of LIBRARIES
    module: str  # its dotted name
    summary: str
    sentences: list[str]  # of the rest


def read_docstring_summaries(processes: int = 1) -> Iterator[DocstringSummary]:
    """The summaries of this installation's docstrings, in a fixed order, the first of each wording.

    Libraries copy from themselves. So a summary that comes twice, or a rest that does, is kept once.

    Args:
        processes: how many to parse with; the result is the same.
    """
    seen: set[str] = set()
    files = [file for file in source_files(LIBRARIES) if file[1] != "pydoc_data.topics"]  # topics have no summary
    paths = [path for _, _, path in files]
    tasks = (paths[first : first + _FILES_PER_TASK] for first in range(0, len(paths), _FILES_PER_TASK))
    found = chain.from_iterable(in_order(_read_files, tasks, processes))
    for (library, module, _), parts in zip(files, found, strict=True):
        for summary, sentences in parts:
            keys = {summary.lower(), " ".join(sentences)}
            if seen.isdisjoint(keys):
                seen |= keys
                yield DocstringSummary(library, module, summary, sentences)


def split_summary(docstring: str) -> tuple[str, list[str]] | None:
    """(summary, sentences of the rest) of a docstring; None if it has no summary or little else.

    A signature above the summary is left out.

    >>> split_summary("abs(x)\\n\\nMake each one\\npositive.\\n\\nThe sign of a zero is lost. This is what `abs` does.")
    ('Make each one positive.', ['The sign of a zero is lost.', 'This is what abs does.'])
    """
    first, *rest = _BLANK_LINES.split(inspect.cleandoc(docstring), maxsplit=1)
    if rest and _SIGNATURE.fullmatch(" ".join(first.split())):
        first, *rest = _BLANK_LINES.split(inspect.cleandoc(rest[0]), maxsplit=1)
    if not rest or _NO_SUMMARY.match(first):
        return None
    summary, sentences = " ".join(docstring_sentences(first)), docstring_sentences(rest[0])
    if len(summary.split()) not in SUMMARY_WORDS or len(" ".join(sentences).split()) < LEAST_WORDS:
        return None
    return summary, sentences


def _read_files(paths: list[Path]) -> list[list[tuple[str, list[str]]]]:
    """``split_summary`` of each docstring of each file that has a summary."""
    with faster_parsing():
        return [
            [parts for _, docstring in parse_docstrings(path) if (parts := split_summary(docstring)) is not None]
            for path in paths
        ]
