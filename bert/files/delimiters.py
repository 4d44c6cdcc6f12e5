"""What separates the fields of a table. The file's name says it, unless the header says something else.

A ``.csv`` may have semicolons or tabs, a ``.tsv`` commas, and a ``.txt`` may be a table with tabs. If the first
line, split as the name says, lacks the columns asked for, we try the other ways.
"""

import csv
from collections.abc import Callable
from typing import NamedTuple


class Delimiter(NamedTuple):
    """A way to split lines into fields."""

    character: str
    name: str  # for messages
    quoted: bool  # whether a field in "..." may hold delimiters and line ends

    def split(self, line: str) -> list[str]:
        """The fields of a line that is a whole row. None if it is not such a row, for example if it is not CSV."""
        if not self.quoted:
            return line.split(self.character)
        try:
            return next(csv.reader([line], delimiter=self.character), [])
        except csv.Error:
            return []


TABS = Delimiter("\t", "tabs", quoted=False)  # quotes are plain characters, as in GLUE's files
_COMMAS, _SEMICOLONS = Delimiter(",", "commas", quoted=True), Delimiter(";", "semicolons", quoted=True)
_OF_FORMAT = {
    "tsv": (TABS, _COMMAS, _SEMICOLONS),
    "csv": (_COMMAS, _SEMICOLONS, TABS._replace(quoted=True)),
    "txt": (TABS,),
}


def delimiter_of(table_format: str, first_line: str, has_columns: Callable[[list[str]], bool]) -> Delimiter:
    """The first delimiter with which the columns are found. If none is, the format's own.

    Args:
        table_format: "tsv", "csv" or "txt".
        has_columns: whether fields of the first line have all the columns asked for.
    """
    choices = _OF_FORMAT[table_format]
    return next((each for each in choices if has_columns(each.split(first_line))), choices[0])


def is_usual(table_format: str, delimiter: Delimiter) -> bool:
    """Whether a file's name promises this delimiter."""
    return table_format != "txt" and delimiter == _OF_FORMAT[table_format][0]
