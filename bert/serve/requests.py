"""The body of a request -> lines of JSON, and answers -> the body of the response.

{"text": "A dog runs."}                          one input: its answer
{"inputs": [{"text": "one"}, {"text": "two"}]}   several: {"outputs": [...]}, in the same order
{"inputs": ["one", "two"]}                       the same, if an input is one text
{"text": "one"}                                  several lines of JSON: lines of JSON
{"text": "two"}
"""

import json
import math
import re
from typing import Any, NamedTuple

from bert.errors import InputError
from bert.files.lines import Lines

NAME = "request.jsonl"  # what readers of files call a request
ONE, SEVERAL, LINES = "one", "several", "lines"
JSON, JSON_LINES = "application/json", "application/x-ndjson"
_LINE = re.compile(r"(^|\(|; )line (?=[0-9]+: )")


class Request(NamedTuple):
    """The inputs of a request."""

    form: str  # ONE, SEVERAL or LINES
    lines: Lines


def parse_request(body: bytes, key_of_text: str | None) -> Request:
    """The inputs of a body, each as a line of JSON.

    Args:
        key_of_text: of an input that is a plain string. None: there are no such inputs.

    Raises an InputError if the body is in none of the forms above.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"the body is not UTF-8 ({error.reason} at byte {error.start}); JSON was expected") from None
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        lines = text.split("\n")
        if sum(map(bool, map(str.strip, lines))) > 1:
            return Request(LINES, Lines(NAME, lines))
        raise InputError(f"the body is not JSON ({error}); an object was expected, or one in each line") from None
    if not isinstance(values, dict) or not isinstance(values.get("inputs"), list):
        return Request(ONE, Lines(NAME, [json.dumps(values)]))
    if not values["inputs"]:
        raise InputError("the list of inputs is empty; at least one was expected")
    inputs = values["inputs"]
    if key_of_text is not None:
        inputs = [{key_of_text: each} if isinstance(each, str) else each for each in inputs]
    return Request(SEVERAL, Lines(NAME, list(map(json.dumps, inputs))))


def sentence_of(error: Exception, request: Request) -> str:
    """What is wrong with a request, without the name of a file that no client has."""
    sentence = str(error).removeprefix(f"{NAME}: ")
    return _LINE.sub(r"\1input ", sentence) if request.form == SEVERAL else sentence


def body_of(answers: list[dict[str, Any]], request: Request) -> tuple[bytes, str]:
    """The body of a response, and its type."""
    if request.form == LINES:
        return "".join(f"{to_json(answer)}\n" for answer in answers).encode(), JSON_LINES
    return f"{to_json(answers[0] if request.form == ONE else {'outputs': answers})}\n".encode(), JSON


def to_json(value: Any) -> str:
    """A value as JSON. It has no infinite numbers, so null stands for them."""
    return json.dumps(_finite(value), ensure_ascii=False, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list):
        return list(map(_finite, value))
    return None if isinstance(value, float) and not math.isfinite(value) else value
