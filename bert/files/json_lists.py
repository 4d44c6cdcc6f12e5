"""A JSON file that is one list of objects, on one line or on many. It is read object by object.

    [{"text": "one", "label": 0}, {"text": "two", "label": 1}]
    {"data": [{"text": "one", "label": 0}, {"text": "two", "label": 1}]}

Only a part of the file is in memory at a time, however long the list is.
"""

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

from bert.errors import InputError
from bert.files.reading import open_to_read

CHUNK = 1 << 16  # characters that are read at a time
LONGEST_OBJECT = 1 << 24  # characters: a hostile file must not fill memory

_START = re.compile(r'\ufeff?\s*(?:\[|\{\s*"data"\s*:\s*\[(?=\s*\{))')
_SPACE = re.compile(r"\s*")
_AFTER_OBJECT = re.compile(r"\s*([,\]])")


def is_json_list(path: str | Path) -> bool:
    """Whether a file begins as a list, or as an object with the list ``data`` first."""
    with open_to_read(path) as file:
        return _START.match(file.read(CHUNK).decode("utf-8", "replace")) is not None


def read_json_list(path: str | Path) -> Iterator[tuple[int, str]]:
    """Each item of a JSON list as (number from 1, JSON text). See ``is_json_list``.

    Raises an InputError if the file cannot be read, is not UTF-8, or is no JSON list.
    """
    try:
        with open_to_read(path) as file, io.TextIOWrapper(file, "utf-8", newline="") as stream:
            yield from _items(path, stream)
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 ({error.reason}); convert the file to UTF-8") from None


def _items(path: str | Path, stream: io.TextIOWrapper) -> Iterator[tuple[int, str]]:
    decoder, number = json.JSONDecoder(), 1
    text = stream.read(CHUNK)
    start = _START.match(text)
    position = start.end() if start else 0
    is_end = re.compile(r"\s*\]").match(text, position) is not None
    while not is_end:
        begin, after = _SPACE.match(text, position).end(), None  # type: ignore[union-attr]  # it matches anything
        try:
            end = decoder.raw_decode(text, begin)[1]
            after = _AFTER_OBJECT.match(text, end)
        except (ValueError, RecursionError):
            end = begin  # perhaps only a part of the object has been read
        if after is None:
            unread = len(text) - position
            more = stream.read(max(CHUNK, unread)) if unread < LONGEST_OBJECT else ""
            if not more:
                raise InputError(
                    f"{path}: object {number} of the list: is not JSON, is longer than {LONGEST_OBJECT:,} characters, "
                    f"or the list has no end; objects between [ and ] were expected, with a comma between two"
                )
            text, position = text[position:] + more, 0
            continue
        yield number, text[begin:end]
        number, position, is_end = number + 1, after.end(), after[1] == "]"
    if start:
        opening = start[0].removeprefix("\ufeff") + "]" * (number > 1)  # of an empty list, "]" is not read yet
        _check_end(path, opening + text[position:] + stream.read(LONGEST_OBJECT))


def _check_end(path: str | Path, without_items: str) -> None:
    """Raises an InputError if the file is not JSON without its items. Another list may follow, for example."""
    try:
        json.loads(without_items)
    except (ValueError, RecursionError):
        raise InputError(
            f"{path}: goes on after the end of its list, or is cut off there; one list of objects was expected, or an "
            f"object in each line"
        ) from None
