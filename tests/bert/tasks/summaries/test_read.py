"""Documents are read with summaries and without, and what does not fit is named with its line."""

import json

import pytest

from bert.errors import InputError
from bert.tasks.options import Columns
from bert.tasks.summaries.read import Document, read_documents

GOOD = {"sentences": ["a b.", "c.", "d."], "summary": [2, 0]}


def write(tmp_path, *rows):
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def test_documents_are_read_with_their_summary_or_without(tmp_path):
    path = write(tmp_path, GOOD, GOOD | {"reference": "A.\n\nD is.\n"}, GOOD | {"reference": None})
    sentences = ("a b.", "c.", "d.")
    assert list(read_documents(path, Columns(), labelled=True)) == [
        Document(1, sentences, (0, 2), ("a b.", "d.")),
        Document(2, sentences, (0, 2), ("A.", "D is.")),
        Document(3, sentences, (0, 2), ("a b.", "d.")),
    ]
    path = write(tmp_path, {"sentences": ["a"]}, GOOD | {"summary": "?"})
    assert list(read_documents(path, Columns(), labelled=False)) == [
        Document(1, ("a",), (), ()), Document(2, sentences, (), ()),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"summary": [3]}, r"the summary is \[3\]; .* each from 0 to 2"),
        ({"summary": [-1]}, "the summary is"),
        ({"summary": []}, "the summary is"),
        ({"summary": [True]}, "the summary is"),
        ({"summary": 1}, "the summary is 1"),
        ({"summary": [1, 1]}, "names a sentence twice"),
        ({"sentences": []}, r"'sentences' is \[\]; a list of at least 1"),
        ({"sentences": "a. b."}, "'sentences' is 'a. b.'; a list"),
        ({"sentences": ["a", 3]}, "'sentences' holds 3 as its number 1"),
        ({"reference": ["a"]}, r"'reference' is \['a'\]; a text"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, change, message):
    with pytest.raises(InputError, match=rf"a\.jsonl: line 2: .*{message}"):
        list(read_documents(write(tmp_path, GOOD, GOOD | change), Columns(), labelled=True))


def test_a_missing_summary_is_named(tmp_path):
    with pytest.raises(InputError, match="line 1: has no key 'summary'; its keys are sentences"):
        list(read_documents(write(tmp_path, {"sentences": ["a"]}), Columns(), labelled=True))


def test_bad_documents_are_reported_together_or_left_out(tmp_path):
    path = write(tmp_path, GOOD | {"summary": []}, GOOD, GOOD | {"sentences": []})
    with pytest.raises(InputError, match=r"2 rows are bad \(line 1: the summary is .*; line 3: 'sentences'"):
        list(read_documents(path, Columns(), labelled=True))
    with pytest.warns(UserWarning, match="2 rows are left out"):
        assert [each.line for each in read_documents(path, Columns(bad_rows="skip"), labelled=True)] == [2]
