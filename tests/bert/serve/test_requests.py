"""The body of a request, and of its answer."""

import json

import pytest

from bert.errors import InputError
from bert.serve.requests import body_of, parse_request, sentence_of, to_json


@pytest.mark.parametrize(
    ("body", "form", "inputs"),
    [
        ('{"text": "a"}', "one", [{"text": "a"}]),
        ('\ufeff{\n  "text": "a\u2028b"\n}', "one", [{"text": "a\u2028b"}]),
        ('["Hello!", "Hi."]', "one", [["Hello!", "Hi."]]),  # a dialogue
        ('{"inputs": [{"text": "a"}, {"text": "b"}]}', "several", [{"text": "a"}, {"text": "b"}]),
        ('{"inputs": ["a", "b"]}', "several", [{"text": "a"}, {"text": "b"}]),
        ('{"inputs": "a"}', "one", [{"inputs": "a"}]),  # a key like any other
        ('{"text": "a"}\r\n\r\n{"text": "b"}', "lines", [{"text": "a"}, {"text": "b"}]),
    ],
)
def test_a_body_has_one_input_or_several_or_lines_of_them(body, form, inputs):
    request = parse_request(body.encode(), "text")
    assert request.form == form
    assert [json.loads(line) for line in request.lines.lines if line.strip()] == inputs


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "is not JSON"), (b"{bad", "is not JSON"), (b"[" * 100_000, "is not JSON"), (b"9" * 5000, "is not JSON"),
        (b'{"text": "\xff"}', "is not UTF-8"), (b'{"inputs": []}', "at least one was expected"),
    ],
)  # fmt: skip
def test_what_is_no_request_is_one_sentence(body, sentence):
    with pytest.raises(InputError, match=sentence):
        parse_request(body, "text")


def test_an_error_names_the_input_or_the_line():
    error = InputError("request.jsonl: 2 rows are bad (line 1: has no key; line 12: a text of line 3: b); mend them")
    several, lines = parse_request(b'{"inputs": [1]}', None), parse_request(b"{}\n{}", None)
    assert (
        sentence_of(error, several) == "2 rows are bad (input 1: has no key; input 12: a text of line 3: b); mend them"
    )
    assert sentence_of(error, lines).startswith("2 rows are bad (line 1: has no key")
    assert sentence_of(InputError("request.jsonl: line 2: x"), several) == "input 2: x"


def test_answers_have_the_form_of_their_request():
    answers = [{"a": "é\u2028"}, {"a": float("-inf")}]
    one, several = parse_request(b"{}", None), parse_request(b'{"inputs": [1, 2]}', None)
    assert json.loads(body_of(answers[:1], one)[0]) == {"a": "é\u2028"}
    assert json.loads(body_of(answers, several)[0]) == {"outputs": [{"a": "é\u2028"}, {"a": None}]}
    body, kind = body_of(answers, parse_request(b"{}\n{}", None))
    assert kind == "application/x-ndjson"
    assert [json.loads(line) for line in body.split(b"\n")[:-1]] == [{"a": "é\u2028"}, {"a": None}]
    assert to_json([1, 0.1234567891]) == "[1, 0.1234567891]"
