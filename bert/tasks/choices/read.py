"""A context and several texts, one of which fits it best, such as endings of a story (SWAG).

    {"context": "She opens the door.", "choices": ["She walks in.", "The door sings.", "It rains up."], "label": 0}

Each line of a file has such an object. The label is the index of the right choice, from 0. Lines may have unequal
numbers of choices.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bert.errors import InputError
from bert.files.json_values import text_of, texts_of, value_of
from bert.files.tables import read_objects
from bert.tasks.options import Columns


class Choices(NamedTuple):
    """A context with its choices."""

    line: int  # in its file
    context: str
    choices: tuple[str, ...]
    label: int | None  # the index of the right choice; None: it was not read


def read_choices(path: str | Path, columns: Columns, labelled: bool) -> Iterator[Choices]:
    """The contexts of a file with their choices, in order. Raises InputError if a line does not have the form above."""
    for line, values in read_objects(path):
        place = f"{path}: line {line}"
        context, choices = text_of(values, "context", place), texts_of(values, "choices", place, at_least=2)
        label = value_of(values, "label", place) if labelled else None
        if labelled and (type(label) is not int or not 0 <= label < len(choices)):
            raise InputError(
                f"{place}: the label is {str(label)[:40]!r}; the number of the right choice was expected, from 0 to "
                f"{len(choices) - 1}"
            )
        yield Choices(line, context, choices, label)
