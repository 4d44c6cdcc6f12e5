"""Pairs of texts with a score, such as STS-B's from 0 to 5. The form of the files is that of a regression on pairs.

{"text": "A plane takes off.", "text_pair": "An air plane is taking off.", "label": 5.0}
"""

from collections.abc import Iterator
from pathlib import Path

from bert.errors import InputError
from bert.tasks.classification.read import REGRESSION, Example, read_examples
from bert.tasks.options import Columns

SECOND_TEXT = "text_pair"  # the column's usual name


def read_scored_pairs(path: str | Path, columns: Columns, labelled: bool) -> Iterator[Example]:
    """The pairs of a table, in order. Raises InputError as ``read_examples`` does, or if a row has a single text."""
    columns = columns._replace(text_pair=columns.text_pair or SECOND_TEXT)
    for example in read_examples(path, columns, labelled, REGRESSION):
        if example.second is None:
            raise InputError(f"{path}: line {example.line}: has one text; a pair of texts was expected")
        yield example
