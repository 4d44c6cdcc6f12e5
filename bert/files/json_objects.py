"""A JSON object, from a file or a text."""

import json
from pathlib import Path
from typing import Any

from bert.errors import InputError
from bert.files.reading import read_bytes

# Of a JSON file, after decompression: a hostile file must not fill memory. A value of 3 bytes ({},) takes 72 in memory.
LONGEST_JSON = 1 << 28  # bytes
MOST_JSON_VALUES = 1 << 24


def read_json_object(path: str | Path) -> dict:
    """The object in a JSON file, plain or compressed.

    Raises an InputError if there is no such file, it holds no JSON object, or it would take too much memory.
    """
    content = read_bytes(path, LONGEST_JSON)
    if content.count(b",") + content.count(b"{") + content.count(b"[") > MOST_JSON_VALUES:
        raise InputError(f"{path}: holds more than {MOST_JSON_VALUES:,} values; split it into several files")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not JSON ({error}); a JSON object was expected") from None
    return parse_json_object(text, str(path))


def parse_json_object(text: str, source: str) -> dict[str, Any]:
    """The object in a JSON text. Raises an InputError if it is not JSON, or another value.

    Half a character as an escape (a lone surrogate) is not JSON here. No UTF-8 file can hold it.
    """
    try:
        values = json.loads(text)
        if "\\u" in text:
            json.dumps(values, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise InputError(f"{source}: is not JSON ({error}); a JSON object was expected") from None
    if not isinstance(values, dict):
        raise InputError(f"{source}: holds a {type(values).__name__}; a JSON object was expected")
    return values
