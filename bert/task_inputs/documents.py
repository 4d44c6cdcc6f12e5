"""Documents as lists of sentences, some of which make up a summary.

    {"sentences": ["It rained.", "A dam broke.", "Two villages were flooded."], "summary": [1, 2],
     "reference": "A dam broke.\\nTwo villages stand under water."}

In each line of a file such an object. ``summary`` has the numbers, from 0, of the sentences that a summary is best made
of. ``reference`` may be left out: a summary that a person wrote, a sentence in each of its lines, which predictions are
compared with; without it that is the marked sentences themselves.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bert.errors import InputError
from bert.files.json_values import text_of, texts_of, value_of
from bert.files.tables import read_objects


class Document(NamedTuple):
    """line: in its file; summary: the numbers of the sentences that make it up, in order; reference: the sentences of
    the summary to compare with. Both are empty where they were not read.
    """

    line: int
    sentences: tuple[str, ...]
    summary: tuple[int, ...]
    reference: tuple[str, ...]


def read_documents(path: str | Path, labelled: bool) -> Iterator[Document]:
    """The documents of a file, as they come.

    Args:
        labelled: whether each has to have a summary; else the summaries are passed over.

    Raises:
        InputError: where a line is not in the form above.
    """
    for line, values in read_objects(path):
        place = f"{path}: line {line}"
        sentences = texts_of(values, "sentences", place, at_least=1)
        if not labelled:
            yield Document(line, sentences, (), ())
            continue
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
            reference = tuple(sentences[number] for number in sorted(summary))
        else:
            reference = tuple(filter(str.strip, text_of(values, "reference", place).splitlines()))
        yield Document(line, sentences, tuple(sorted(summary)), reference)
