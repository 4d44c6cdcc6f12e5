"""JSON lines: a corpus in which each line is an object, and one of its keys has a document's text.

{"id": 1, "text": "First sentence. Its second.\\nA new paragraph."}
{"id": 2, "text": "The next document."}
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from bert.errors import InputError
from bert.files.json_objects import parse_json_object
from bert.files.json_values import value_of
from bert.files.reading import COMPRESSIONS
from data.text.lines import LONGEST_LINE, read_lines
from data.text.sentences import split_sentences

LONGEST_RECORD = 1 << 25  # bytes: a line has a whole document, such as a book, and cannot be cut


def is_named_json(path: Path) -> bool:
    """Whether a file's name says JSON, before a compression's suffix."""
    name = path.with_suffix("") if path.suffix.lower() in COMPRESSIONS else path
    return name.suffix.lower() in (".jsonl", ".ndjson", ".json")


def is_json_line(line: str) -> bool:
    """Whether a line is a JSON object, or begins as one and is too long to tell."""
    if not line.startswith("{"):
        return False
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return len(line.encode()) > LONGEST_LINE // 2  # it was cut


def read_json_lines(
    path: Path,
    text_column: str,
    encoding_errors: str,
    report: Callable[[str], None] | None,
    reached: Callable[[int], None] | None = None,
) -> Iterator[list[str]]:
    """The documents of a file of JSON lines, each as the list of its sentences.

    A line feed within a text ends a sentence. Blank lines are passed over. So are objects with no text; they are
    counted in ``report``.

    Args:
        text_column: the key of a document's text.
        reached: as in ``open_to_read``.

    The other arguments are as in ``data.text.corpora.read_documents``.

    Raises:
        InputError: if a line is no object, lacks the key, or is longer than LONGEST_RECORD.
    """
    empty = 0
    for number, line in enumerate(read_lines(path, encoding_errors, report, LONGEST_RECORD, reached), start=1):
        if not line:
            continue
        try:
            text = value_of(parse_json_object(line, f"{path}: line {number}"), text_column, f"{path}: line {number}")
        except InputError as error:
            raise InputError(
                f"{error}. Each line of JSON lines is an object, and --text-column names the key of its text, here "
                f"{text_column!r}"
            ) from None
        if text is not None and not isinstance(text, str):
            raise InputError(
                f"{path}: line {number}: {text_column!r} is {repr(text)[:80]}; a text was expected. Name another key: "
                f"--text-column"
            )
        document = [sentence for line in (text or "").split("\n") for sentence in split_sentences(line)]
        empty += not document
        if document:
            yield document
    if empty and report:
        report(f"{path}: {empty:,} JSON lines with an empty {text_column!r} were passed over")
