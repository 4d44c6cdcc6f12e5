"""Documents as lists of sentences, some of which make up a summary.

    {"sentences": ["It rained.", "A dam broke.", "Two villages were flooded."], "summary": [1, 2],
     "reference": "A dam broke.\\nTwo villages stand under water."}

Each line of a file has such an object. ``summary`` has the indices, from 0, of the best sentences for a summary.
``reference`` may be left out. It is a summary that a person wrote, with a sentence in each line. Predictions are
compared with it, or else with the marked sentences.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from bert.errors import InputError
from bert.files.bad_rows import BadRows
from bert.files.json_values import text_of, texts_of, value_of
from bert.files.tables import read_objects
from bert.tasks.options import Columns


class Document(NamedTuple):
    """A document."""

    line: int  # in its file
    sentences: tuple[str, ...]
    summary: tuple[int, ...]  # the indices of the summary's sentences, ascending; none if they were not read
    reference: tuple[str, ...]  # the sentences of the summary to compare with; none if they were not read


def read_documents(path: str | Path, columns: Columns, labelled: bool) -> Iterator[Document]:
    """The documents of a file, in order. Raises InputError if a line does not have the form above."""
    bad = BadRows(path, columns.bad_rows, can_skip=labelled)

    def read(place: str, line: int, values: dict[str, Any]) -> Document:
        sentences = texts_of(values, "sentences", place, at_least=1)
        if not labelled:
            return Document(line, sentences, (), ())
        summary = value_of(values, "summary", place)
        are_numbers = isinstance(summary, list) and summary and all(type(number) is int for number in summary)
        if not are_numbers or not all(0 <= number < len(sentences) for number in summary):
            raise InputError(
                f"{place}: the summary is {str(summary)[:80]}; a list of at least one number of a sentence was "
                f"expected, each from 0 to {len(sentences) - 1}"
            )
        if len(set(summary)) < len(summary):
            raise InputError(f"{place}: the summary {str(summary)[:80]} names a sentence twice; each once was expected")
        if values.get("reference") is None:
            reference = tuple(sentences[index] for index in sorted(summary))
        else:
            reference = tuple(filter(str.strip, text_of(values, "reference", place).splitlines()))
        return Document(line, sentences, tuple(sorted(summary)), reference)

    return bad.good(read_objects(path, bad), read, "holds no documents; lists of sentences were expected")
