"""A context, and several texts of which one fits it best: a question's answers, a story's endings (as in SWAG).

    {"context": "She opens the door.", "choices": ["She walks in.", "The door sings.", "It rains up."], "label": 0}

In each line of a file such an object; the label is the number of the right choice, counted from 0. The numbers of
choices may differ from line to line.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bert.errors import InputError
from bert.files.json_values import text_of, texts_of, value_of
from bert.files.tables import read_objects


class Choices(NamedTuple):
    """line: in its file; label: the number of the right choice, None where it was not read."""

    line: int
    context: str
    choices: tuple[str, ...]
    label: int | None


def read_choices(path: str | Path, labelled: bool) -> Iterator[Choices]:
    """The contexts of a file with their choices, as they come.

    Args:
        labelled: whether each has to have a label; else the labels are passed over.

    Raises:
        InputError: where a line is not in the form above.
    """
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
