"""Tables of texts: TSV, CSV and JSON, plain or compressed, read row by row.

    rows of text fields, separated by tabs (``.tsv``)   quotes are plain characters, as in GLUE's files
    rows of fields separated by commas (``.csv``)       a field in "..." may hold commas, line ends, and "" for "
    an object in each line (``.jsonl``, ``.json``)      columns are its keys; or the file is one list of objects
    a text in each line (``.txt``)                      a single column, "text"; or the header has tabs

All are UTF-8. A byte-order mark is dropped. Windows' line ends are line ends. If the header shows another delimiter,
it is used, with a warning (``delimiters.py``).
"""

import csv
import itertools
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bert.errors import InputError
from bert.files.bad_rows import BadRows, add_or_raise
from bert.files.delimiters import TABS, Delimiter, delimiter_of, is_usual
from bert.files.json_lists import is_json_list, read_json_list
from bert.files.json_objects import parse_json_object
from bert.files.lines import LONGEST_LINE, Lines, read_lines
from bert.files.reading import COMPRESSIONS

FORMATS = {".tsv": "tsv", ".csv": "csv", ".jsonl": "jsonl", ".json": "jsonl", ".ndjson": "jsonl", ".txt": "txt"}


class Row(NamedTuple):
    """A row of a table."""

    line: int  # on which the row begins, from 1; in a JSON list the number of the object
    values: tuple[Any, ...]  # of the columns asked for, in their order: strings, or any value from JSON


def read_rows(
    path: str | Path,
    columns: Mapping[str, str],
    header: bool = True,
    bad: BadRows | None = None,
    loose_tabs: bool = False,
) -> Iterator[Row]:
    """The rows of a table, as a stream. Blank lines are skipped, except in ``.txt``: there each line is a text.

    Args:
        columns: the columns to read: a flag, which errors name, to a column's name or its number from 1.
        header: whether the first row of a TSV or CSV file names the columns. Without it they only have numbers.
        bad: takes bad rows, which are then skipped. Bad is a row with another number of fields than the first, with a
            key missing, or that is not JSON or UTF-8.
        loose_tabs: whether fields are separated by tabs whatever the file's name, and rows may have further fields.

    Raises:
        InputError: if the file cannot be read or has no such column. Without ``bad``, also if a row is bad.
    """
    kind = table_format(path)
    if kind == "jsonl":
        return _read_objects(path, columns, bad)
    path = Path(path)
    if kind == "txt" and set(columns.values()) <= {"text", "1"} and not loose_tabs:
        return _read_texts(path, columns)
    return _read_fields(path, kind, columns, header, bad, loose_tabs)


def tsv_line(fields: Iterable[Any]) -> str:
    """Fields as a line of TSV. White space inside a field becomes a space; fractions have six digits."""
    texts = (f"{field:.6f}" if isinstance(field, float) else str(field) for field in fields)
    return "\t".join(" ".join(text.split()) for text in texts) + "\n"


def table_format(path: str | Path) -> str:
    """The format of a file by the end of its name, without a compression's: "tsv", "csv", "jsonl" or "txt".

    Raises an InputError if the end is not known, or the path is a directory.
    """
    if os.path.isdir(path):  # Path.is_dir raises if a name is too long
        raise InputError(f"{path}: is a directory; the file of a table was expected")
    name = Path(str(path).removesuffix(Path(path).suffix)) if Path(path).suffix.lower() in COMPRESSIONS else Path(path)
    kind = FORMATS.get(name.suffix.lower())
    if kind is None:
        raise InputError(f"{path}: a table's name ends in {', '.join(FORMATS)} (or one of these and .gz, .xz, .bz2)")
    return kind


def _read_fields(
    path: Path, kind: str, columns: Mapping[str, str], header: bool, bad: BadRows | None, loose_tabs: bool
) -> Iterator[Row]:
    lines = read_lines(path, bad)
    first = next((each for each in lines if each[1].strip(" ")), None)
    if first is None:
        raise InputError(f"{path}: is empty; a table was expected")

    def indices_in(fields: list[str]) -> list[int]:
        names = fields if header else None
        return [_index(path, flag, column, names, len(fields)) for flag, column in columns.items()]

    def has_columns(fields: list[str]) -> bool:
        try:
            return bool(indices_in(fields))
        except InputError:
            return False

    delimiter = TABS if loose_tabs else delimiter_of(kind, first[1], has_columns)
    if kind == "txt" and not has_columns(delimiter.split(first[1])):
        flag, column = next((flag, name) for flag, name in columns.items() if name not in ("text", "1"))
        raise InputError(
            f"{path}: has no column {column!r}: a .txt file has one column, 'text', unless its first line has tabs and "
            f"names the columns; see {flag}"
        )
    if not loose_tabs and not is_usual(kind, delimiter):
        warnings.warn(f"{path}: its fields are separated by {delimiter.name}, as its first line shows", stacklevel=2)
    indices, width = [], 0
    for line, fields in _split(path, itertools.chain([first], lines), delimiter):
        if not indices:
            indices, width = indices_in(fields), len(fields)
            if header:
                continue
        if len(fields) == width or (loose_tabs and len(fields) > max(indices)):
            yield Row(line, tuple(fields[index] for index in indices))
        else:
            found = "1 field" if len(fields) == 1 else f"{len(fields)} fields"
            add_or_raise(bad, f"{path}: line {line}: has {found}, not {width} as in the first line")


def _index(path: Path, flag: str, column: str, names: list[str] | None, width: int) -> int:
    """The index of a column in a row, from 0."""
    if names is not None and names.count(column) > 1:
        raise InputError(
            f"{path}: has {names.count(column)} columns named {column!r}; rename all but one, or give the column's "
            f"number: {flag}"
        )
    if names is not None and column in names:
        return names.index(column)
    if len(column) < 10 and column.isdecimal() and 1 <= int(column) <= width:
        return int(column) - 1
    if names is None:
        found = f"no header was expected, so its columns are the numbers 1 to {width}"
    else:
        found = f"its columns are {_listed(names)}"
    raise InputError(f"{path}: has no column {column!r}: {found}; name one of them: {flag}")


def _split(path: Path, lines: Iterable[tuple[int, str]], delimiter: Delimiter) -> Iterator[tuple[int, list[str]]]:
    """(line, fields) of each row. A row that consists of delimiters has empty fields; a blank line is no row."""
    if delimiter.quoted:
        yield from _split_csv(path, lines, delimiter.character)
        return
    for line, text in lines:
        if text.strip(" "):
            yield line, delimiter.split(text)


def _split_csv(path: Path, lines: Iterable[tuple[int, str]], character: str) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(LONGEST_LINE)
    last = 0  # the line that the reader read last

    def texts() -> Iterator[str]:
        nonlocal last
        for number, text in lines:
            last = number
            yield text + "\n"

    reader = csv.reader(texts(), delimiter=character, strict=True)
    line = 1
    try:
        for fields in reader:
            if fields:
                yield line, fields
            line = last + 1
    except csv.Error as error:
        raise InputError(
            f"{path}: line {line}: is not CSV ({error}); a field that begins with a quote must end with one"
        ) from None


def _read_objects(path: str | Path, columns: Mapping[str, str], bad: BadRows | None) -> Iterator[Row]:
    some_had_all = False
    for line, values in read_objects(path, bad):
        missing = next((flag for flag, column in columns.items() if column not in values), None)
        if missing is None:
            some_had_all = True
            yield Row(line, tuple(values[column] for column in columns.values()))
            continue
        place = f"{path}: line {line}" if bad is None else bad.place(line)
        add_or_raise(
            bad if some_had_all or (bad and bad.skip) else None,  # if no row had it before, the flag is wrong
            f"{place}: has no key {columns[missing]!r}: its keys are {_listed(list(values))}; name one of them: "
            f"{missing}",
        )


def _read_texts(path: Path, columns: Mapping[str, str]) -> Iterator[Row]:
    for line, text in read_lines(path):
        yield Row(line, (text,) * len(columns))


def read_objects(path: str | Path, bad: BadRows | None = None) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line, object) for each line of a file of JSON lines; blank lines are skipped.

    If the file is one list of objects: (number, object) of each.

    Args:
        bad: takes lines that are no JSON object, which are then skipped.

    Raises:
        InputError: if the file cannot be read or has no object. Without ``bad``, also if a line is none.
    """
    is_list = not isinstance(path, Lines) and os.path.exists(path) and is_json_list(path)
    unit = "object" if is_list else "line"
    if bad is not None:
        bad.unit = unit
    empty = True
    for number, text in read_json_list(path) if is_list else read_lines(path, bad):
        if not text.strip():
            continue
        empty = False
        try:
            values = parse_json_object(text, f"{path}: {unit} {number}")
        except InputError as error:
            add_or_raise(bad, str(error))
        else:
            yield number, values
    if empty:
        raise InputError(f"{path}: is empty; a JSON object in each line was expected")


def _listed(names: list[str], most: int = 20) -> str:
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(name[:80] for name in names[:most]) + rest
