"""Queries and their texts, with texts that do not answer them or without.

    {"query": "how to sort a list", "text": "Return a sorted copy.", "negatives": ["Return a reversed copy."]}
    a table with the columns query and text                 .tsv, .csv; --negatives-column names a further one
    {"text": "Return a sorted copy."}                       a text alone: a line of JSON without a query,
    Return a sorted copy.                                   or a line of a .txt

A text alone is its own query: the model reads it twice, with other dropout, and must know it again (SimCSE, Gao et al.
2021, section 3). Such texts are for training. A validation set has queries.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bert.errors import InputError
from bert.files.bad_rows import BadRows
from bert.files.json_values import text_of, texts_of
from bert.files.tables import read_objects, read_rows, table_format
from bert.tasks.classification.read import hold_out
from bert.tasks.options import Columns

NEGATIVES = "negatives"  # the usual key in JSON lines


class Search(NamedTuple):
    """A query with its text."""

    line: int  # in its file
    query: str | None  # None: the text stands alone
    text: str
    negatives: tuple[str, ...] = ()  # texts that do not answer the query

    @property
    def texts(self) -> tuple[str, ...]:
        """Its text and its negatives."""
        return self.text, *self.negatives

    @property
    def asked(self) -> str:
        """Its query. A text alone is its own."""
        return self.text if self.query is None else self.query


def read_searches(path: str | Path, columns: Columns, labelled: bool) -> Iterator[Search]:
    """The queries of a file with their texts, in order.

    Args:
        labelled: whether negatives are read, and texts may stand alone.

    Raises:
        InputError: if a row does not have a form above, or has an empty text.
    """
    bad = BadRows(path, columns.bad_rows, can_skip=labelled)
    kind = table_format(path)
    if kind == "jsonl":
        rows = read_objects(path, bad)
    else:
        flags = {"query": "--query-column", "text": "--text-column", NEGATIVES: "--negatives-column"}
        wanted = {"query": columns.query, "text": columns.text}
        if labelled and kind == "txt" and columns == columns._replace(query="query", negatives=None):
            del wanted["query"]
        if labelled and columns.negatives is not None:
            wanted[NEGATIVES] = columns.negatives
        table = read_rows(path, {flags[key]: name for key, name in wanted.items()}, columns.header, bad)
        rows = ((line, dict(zip(wanted.values(), values))) for line, values in table)

    def read(place: str, line: int, values: dict[str, Any]) -> Search:
        query = None
        if columns.query in values or not labelled:
            query = text_of(values, columns.query, place)
        text = text_of(values, columns.text, place)
        negatives = _negatives_of(values, columns, place) if labelled else ()
        if query is None and negatives:
            raise InputError(f"{place}: has negatives and no query ({columns.query!r}); give it a query")
        if text in negatives:
            raise InputError(f"{place}: its text is among its negatives too; leave it out there")
        return Search(line, query, text, negatives)

    yield from bad.good(rows, read, "holds no texts; rows with a query and its text were expected")


def hold_out_texts(examples: Sequence[Search]) -> tuple[list[Search], list[Search]]:
    """(training, validation): a tenth of the texts is held out, with all their queries.

    Raises:
        InputError: if there are too few, or any text stands alone.
    """
    if any(example.query is None for example in examples):
        raise InputError(
            "the training texts stand alone, and no search can be measured without queries; give a --dev file with "
            "queries and their texts"
        )
    _, texts = hold_out(list(dict.fromkeys(example.text for example in examples)))
    held_out = set(texts)
    return (
        [example for example in examples if example.text not in held_out],
        [example for example in examples if example.text in held_out],
    )


def _negatives_of(values: dict[str, Any], columns: Columns, place: str) -> tuple[str, ...]:
    """The texts that do not answer a query. In JSON lines there may be a list of them, or one, or none."""
    name = columns.negatives or NEGATIVES
    if columns.negatives is None and name not in values:
        return ()
    if isinstance(values.get(name), list):
        return texts_of(values, name, place, at_least=0)
    return (text_of(values, name, place),)
