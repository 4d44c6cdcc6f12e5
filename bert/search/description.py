"""``index.json``: what an index holds, and which model made its vectors."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from bert.errors import InputError
from bert.files.json_objects import read_json_object
from bert.files.schema import ANYTHING, Rule, Schema, check, is_count

NAME = "index.json"
VERSION = 1
REMEDY = "make the index again (python -m bert index)"

_TEXT = Rule(lambda value: isinstance(value, str) and value != "", "a text that is not empty")
_TEXT_OR_NULL = Rule(lambda value: value is None or (isinstance(value, str) and value != ""), "a text or null")
_COUNT = Rule(lambda value: is_count(value, 2**48) and value > 0, "a whole number from 1")
_CHECKSUM = Rule(lambda value: is_count(value, 2**32 - 1), "a whole number below 2**32")
_SCHEMA: Schema = {
    "version": Rule(lambda value: value == VERSION, f"{VERSION}, the version that this program reads,"),
    "model": _TEXT,
    "fingerprint": _TEXT,
    "pooling": _TEXT_OR_NULL,
    "max_length": _COUNT,
    "long_texts": _TEXT,
    "texts": _COUNT,
    "vector_size": _COUNT,
    "vectors_crc32": _CHECKSUM,
    "texts_bytes": _COUNT,
    "texts_crc32": _CHECKSUM,
    "graph_crc32": Rule(lambda value: value is None or _CHECKSUM.holds(value), "a whole number below 2**32, or null"),
}


@dataclass(frozen=True)
class Maker:
    """What made the vectors. Queries have to become vectors in the same way."""

    model: str  # the directory of the model, as it was named
    fingerprint: str  # of its weights, its tokenizer and its modules
    pooling: str | None  # as --pooling said; None: as the model's directory says
    max_length: int  # tokens of an input
    long_texts: str  # what was kept of longer texts


@dataclass(frozen=True)
class Description(Maker):
    """The same, and what the files of the index hold. They may hold more, if adding to them was cut off."""

    texts: int  # and vectors
    vector_size: int
    vectors_crc32: int  # of the vectors' bytes
    texts_bytes: int
    texts_crc32: int
    graph_crc32: int | None = None  # of the file for approximate search, if there is one
    version: int = VERSION

    def as_json(self) -> str:
        """The content of the file."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=2) + "\n"


def read_description(directory: str | Path) -> Description:
    """What ``index.json`` says. Raises an InputError if there is none, or it is damaged."""
    path = Path(directory) / NAME
    if not os.path.isdir(directory):  # Path.is_dir raises if a name is too long
        raise InputError(f"{directory}: there is no such directory; make an index: python -m bert index RUN TEXTS")
    if not path.exists():
        raise InputError(f"{directory}: holds no {NAME}, so it is no index, or making it was cut off; {REMEDY}")
    values = read_json_object(path)
    check(values, _SCHEMA, str(path), REMEDY, required=list(_SCHEMA), others=ANYTHING)
    return Description(**{name: values[name] for name in _SCHEMA})
