"""Tables of texts: TSV, CSV and JSON lines, plain or compressed, read row by row.

    rows of text fields, separated by tabs (``.tsv``)   quotes are plain characters, as in GLUE's files
    rows of fields separated by commas (``.csv``)       a field in "..." may hold commas, line ends, and "" for "
    an object in each line (``.jsonl``, ``.json``)      columns are its keys
    a text in each line (``.txt``)                      a single column, "text"

All are UTF-8. A byte-order mark is dropped. Windows' line ends are line ends.
"""

import csv
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bert.errors import InputError
from bert.files.whole import COMPRESSIONS, open_to_read, parse_json_object

FORMATS = {".tsv": "tsv", ".csv": "csv", ".jsonl": "jsonl", ".json": "jsonl", ".ndjson": "jsonl", ".txt": "txt"}
LONGEST_LINE = 1 << 24  # bytes, more than any model can read: a hostile file must not fill memory


class Row(NamedTuple):
    """A row of a table."""

    line: int  # on which the row begins, from 1
    values: tuple[Any, ...]  # of the columns asked for, in their order: strings, or any value from JSON


def read_rows(
    path: str | Path, columns: Mapping[str, str], header: bool = True, damaged: list[int] | None = None
) -> Iterator[Row]:
    """The rows of a table, as a stream. Blank lines are skipped, except in ``.txt``: there each line is a text.

    Args:
        columns: the columns to read: a flag, which errors name, to a column's name or its number from 1.
        header: whether the first row of a TSV or CSV file names the columns. Without it they only have numbers.
        damaged: a list for the lines of damaged TSV and CSV rows. They are then skipped. A damaged row has another
            number of fields than the first.

    Raises:
        InputError: if the file cannot be read or has no such column. Without ``damaged``, also if a row is damaged.
    """
    path = Path(path)
    kind = table_format(path)
    if kind == "jsonl":
        return _read_objects(path, columns)
    if kind == "txt":
        return _read_texts(path, columns)
    return _read_fields(path, columns, header, _split_at_tabs(path) if kind == "tsv" else _split_csv(path), damaged)


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
    path: Path, columns: Mapping[str, str], header: bool, rows: Iterator, damaged: list[int] | None
) -> Iterator[Row]:
    names, indices, width = None, None, 0
    for line, fields in rows:
        if indices is None:
            names, width = (fields if header else None), len(fields)
            indices = [_index(path, flag, column, names, width) for flag, column in columns.items()]
            if header:
                continue
        if len(fields) == width:
            yield Row(line, tuple(fields[index] for index in indices))
        elif damaged is not None:
            damaged.append(line)
        else:
            found = "1 field" if len(fields) == 1 else f"{len(fields)} fields"
            raise InputError(
                f"{path}: line {line}: has {found}, not {width} as in the first line; mend or remove the row"
            )
    if indices is None:
        raise InputError(f"{path}: is empty; a table was expected")


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


def _split_at_tabs(path: Path) -> Iterator[tuple[int, list[str]]]:
    for line, text in read_lines(path):
        if text.strip(" "):  # a line of tabs is a row of empty fields
            yield line, text.split("\t")


def _split_csv(path: Path) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(LONGEST_LINE)
    reader = csv.reader((text + "\n" for _, text in read_lines(path)), strict=True)
    line = 1
    try:
        for fields in reader:
            if fields:
                yield line, fields
            line = reader.line_num + 1
    except csv.Error as error:
        raise InputError(
            f"{path}: line {line}: is not CSV ({error}); a field that begins with a quote must end with one"
        ) from None


def _read_objects(path: Path, columns: Mapping[str, str]) -> Iterator[Row]:
    for line, values in read_objects(path):
        for flag, column in columns.items():
            if column not in values:
                raise InputError(
                    f"{path}: line {line}: has no key {column!r}: its keys are {_listed(list(values))}; name one of "
                    f"them: {flag}"
                )
        yield Row(line, tuple(values[column] for column in columns.values()))


def _read_texts(path: Path, columns: Mapping[str, str]) -> Iterator[Row]:
    for flag, column in columns.items():
        if column not in ("text", "1"):
            raise InputError(f"{path}: has no column {column!r}: a .txt file has one column, 'text'; see {flag}")
    for line, text in read_lines(path):
        yield Row(line, (text,) * len(columns))


def read_objects(path: str | Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line, object) for each line of a file of JSON lines; blank lines are skipped.

    Raises an InputError if the file cannot be read or a line is no JSON object. Also if there is none.
    """
    empty = True
    for line, text in read_lines(path):
        if text.strip():
            empty = False
            yield line, parse_json_object(text, f"{path}: line {line}")
    if empty:
        raise InputError(f"{path}: is empty; a JSON object in each line was expected")


def read_lines(path: str | Path) -> Iterator[tuple[int, str]]:
    """(line number from 1, text without its line end) for each line of a file, plain or compressed.

    Raises an InputError if the file cannot be read or is not UTF-8.
    """
    path = Path(path)
    if not os.path.exists(path):  # Path.exists raises if a name is too long
        raise InputError(f"{path}: no such file; a table of texts was expected")
    with open_to_read(path) as file:
        number = 1
        while content := file.readline(LONGEST_LINE):
            if number == 1 and content.startswith((b"\xff\xfe", b"\xfe\xff")):
                raise InputError(
                    f"{path}: line 1: is UTF-16, not UTF-8; convert it, for example with iconv -f UTF-16 -t UTF-8"
                )
            if len(content) == LONGEST_LINE:
                raise InputError(f"{path}: line {number}: is longer than {LONGEST_LINE:,} bytes; is it a text?")
            yield number, _decoded(path, number, content)
            number += 1


def _decoded(path: Path, number: int, content: bytes) -> str:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: line {number}, byte {error.start} of the line: 0x{content[error.start]:02x} is not UTF-8; "
            f"convert the file to UTF-8"
        ) from None
    return text.removeprefix("\ufeff" if number == 1 else "").removesuffix("\n").removesuffix("\r")


def _listed(names: list[str], most: int = 20) -> str:
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(name[:80] for name in names[:most]) + rest
