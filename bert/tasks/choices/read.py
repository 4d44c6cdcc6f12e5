"""A context and several texts, one of which fits it best, such as endings of a story (SWAG).

    {"context": "She opens the door.", "choices": ["She walks in.", "The door sings.", "It rains up."], "label": 0}

Each line of a file has such an object. The label is the index of the right choice, from 0. Lines may have unequal
numbers of choices.

A ``.csv`` is SWAG's (Zellers et al. 2018). The context is its ``sent1``. A choice is ``sent2``, the beginning of a
sentence, with one of its endings ``ending0`` to ``ending3``. The label is in ``label``.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bert.errors import InputError
from bert.files.bad_rows import BadRows
from bert.files.json_values import text_of, texts_of, value_of
from bert.files.tables import read_objects, read_rows, table_format
from bert.tasks.options import Columns

SWAG = ("sent1", "sent2", "ending0", "ending1", "ending2", "ending3")


class Choices(NamedTuple):
    """A context with its choices."""

    line: int  # in its file
    context: str
    choices: tuple[str, ...]
    label: int | None  # the index of the right choice; None: it was not read


def read_choices(path: str | Path, columns: Columns, labelled: bool) -> Iterator[Choices]:
    """The contexts of a file with their choices, in order. Raises InputError if a row does not have a form above."""
    bad = BadRows(path, columns.bad_rows, can_skip=labelled)

    def read(place: str, line: int, values: dict[str, Any]) -> Choices:
        context, choices = text_of(values, "context", place), texts_of(values, "choices", place, at_least=2)
        label = value_of(values, "label", place) if labelled else None
        if labelled and (type(label) is not int or not 0 <= label < len(choices)):
            raise InputError(
                f"{place}: the label is {str(label)[:40]!r}; the number of the right choice was expected, from 0 to "
                f"{len(choices) - 1}"
            )
        return Choices(line, context, choices, label)

    if table_format(path) == "jsonl":
        objects = read_objects(path, bad)
    else:
        names = (*SWAG, "label") if labelled else SWAG
        flag = "SWAG's columns were expected, or .jsonl"  # there is no flag for them
        rows = read_rows(path, {f"{flag} ({name})": name for name in names}, bad=bad)
        objects = ((line, _object_of_swag(values)) for line, values in rows)
    return bad.good(objects, read, "holds no contexts; rows with a context and its choices were expected")


def _object_of_swag(values: Sequence[Any]) -> dict[str, Any]:
    """The columns of SWAG, and perhaps the label, as the object of a line of JSON."""
    context, start, *endings = values[: len(SWAG)]
    choices = {"context": context, "choices": [f"{start} {ending}".strip() for ending in endings]}
    if len(values) == len(SWAG):
        return choices
    label = values[-1].strip()
    return choices | {"label": int(label) if label.isdecimal() else label}
