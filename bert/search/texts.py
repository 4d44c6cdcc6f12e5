"""The texts of an index: a JSON object in each line, and any of them at once.

{"file": "mails.csv", "line": 17, "text": "A dog runs.", "columns": {"sender": "Ann"}}
"""

import json
import zlib
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bert.errors import InputError
from bert.files.json_objects import parse_json_object
from bert.files.reading import require_file
from bert.files.schema import ANYTHING, Rule, Schema, check, is_count

NAME = "texts.jsonl"
BLOCK = 1 << 24  # bytes
_SCHEMA: Schema = {
    "file": Rule(lambda value: isinstance(value, str), "a text"),
    "line": Rule(is_count, "a whole number"),
    "text": Rule(lambda value: isinstance(value, str), "a text"),
    "columns": Rule(lambda value: isinstance(value, dict), "an object"),
}


class Record(NamedTuple):
    """A text, and where it is from."""

    file: str
    line: int  # of the file, from 1
    text: str
    columns: dict[str, Any] = {}  # noqa: RUF012 (further columns of its row; never changed)

    @property
    def place(self) -> str:
        """Where it stands."""
        return f"{self.file}:{self.line}"

    def as_line(self) -> bytes:
        """The line of JSON. A file's name may have stray bytes, which become escapes."""
        file = self.file.encode("utf-8", "backslashreplace").decode()
        return (json.dumps(self._replace(file=file)._asdict(), ensure_ascii=False) + "\n").encode()


class Texts:
    """The records of a file, by number from 0. The file is mapped, so it may be larger than memory.

    Args:
        count, size, checksum: how many there are, in how many bytes, and their CRC-32. The file may be longer.
        remedy: what to do if the file is damaged, for the message.

    Raises:
        InputError: if the file is damaged.
    """

    def __init__(self, path: Path, count: int, size: int, checksum: int, remedy: str):
        found = require_file(path).st_size
        if found < size:
            raise InputError(f"{path}: has {found:,} bytes, fewer than the {size:,} that index.json says; {remedy}")
        self.path, self.remedy = path, remedy
        self.bytes = np.memmap(path, np.uint8, "r", shape=(size,))
        crc, ends = 0, []
        for start in range(0, size, BLOCK):
            block = self.bytes[start : start + BLOCK]
            crc = zlib.crc32(block.data, crc)
            ends.append(np.flatnonzero(block == ord("\n")) + start + 1)
        self.ends = np.concatenate([[0], *ends])  # (count + 1,), of the lines, in bytes
        if crc != checksum or len(self.ends) != count + 1 or self.ends[-1] != size:
            raise InputError(f"{path}: is damaged (it does not have the checksum in index.json); {remedy}")

    def __len__(self) -> int:
        return len(self.ends) - 1

    def __getitem__(self, number: int) -> Record:
        line = bytes(self.bytes[self.ends[number] : self.ends[number + 1]])
        source = f"{self.path}: line {number + 1}"
        values = parse_json_object(line.decode("utf-8", "replace"), source)
        check(values, _SCHEMA, source, self.remedy, required=list(_SCHEMA), others=ANYTHING)
        return Record(**{name: values[name] for name in _SCHEMA})

    def __iter__(self) -> Iterator[Record]:
        return (self[number] for number in range(len(self)))

    def numbers_of(self, texts: Container[str]) -> list[int]:
        """The numbers of all records with one of these texts."""
        return [number for number, record in enumerate(self) if record.text in texts]
