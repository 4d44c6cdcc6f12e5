"""Queries and their texts, in all forms; and texts alone."""

import json

import pytest

from bert.errors import InputError
from bert.tasks.options import Columns
from bert.tasks.retrieval.read import Search, hold_out_texts, read_searches


def write(path, *rows):
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def test_json_lines_have_negatives_or_none_and_texts_may_stand_alone(tmp_path):
    rows = [
        {"query": "a", "text": "A.", "negatives": ["B.", "C."]},
        {"query": "b", "text": "B.", "negatives": "C."},
        {"query": "c", "text": "C.", "negatives": []},
        {"text": "D."},
    ]
    path = write(tmp_path / "searches.jsonl", *rows)
    found = list(read_searches(path, Columns(), True))
    assert found == [
        Search(1, "a", "A.", ("B.", "C.")),
        Search(2, "b", "B.", ("C.",)),
        Search(3, "c", "C."),
        Search(4, None, "D."),
    ]
    assert [each.asked for each in found] == ["a", "b", "c", "D."]
    with pytest.raises(InputError, match="line 4: has no key 'query'"):
        list(read_searches(path, Columns(), False))


def test_tables_have_columns_by_name_and_plain_texts_stand_alone(tmp_path):
    (tmp_path / "searches.tsv").write_text("question\tanswer\twrong\na\tA.\tB.\n")
    columns = Columns(text="answer", query="question")
    assert list(read_searches(tmp_path / "searches.tsv", columns, True)) == [Search(2, "a", "A.")]
    columns = columns._replace(negatives="wrong")
    assert list(read_searches(tmp_path / "searches.tsv", columns, True)) == [Search(2, "a", "A.", ("B.",))]
    with pytest.raises(InputError, match=r"has no column 'query'.*--query-column"):
        list(read_searches(tmp_path / "searches.tsv", Columns(), True))
    (tmp_path / "texts.txt").write_text("A.\nB.\n")
    assert list(read_searches(tmp_path / "texts.txt", Columns(), True)) == [
        Search(1, None, "A."),
        Search(2, None, "B."),
    ]


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ({"query": "", "text": "A."}, "'query' is ''; a text that is not empty was expected"),
        ({"query": "a", "text": None}, "'text' is None; a text that is not empty was expected"),
        ({"query": "a"}, "has no key 'text'; its keys are query"),
        ({"query": "a", "text": "A.", "negatives": [3]}, "'negatives' holds 3 as its number 0"),
        ({"query": "a", "text": "A.", "negatives": ["A."]}, "its text is among its negatives too"),
        ({"text": "A.", "negatives": ["B."]}, "has negatives and no query"),
    ],
)
def test_a_bad_row_is_a_sentence_or_is_left_out(tmp_path, row, sentence):
    path = write(tmp_path / "searches.jsonl", row, {"query": "b", "text": "B."})
    with pytest.raises(InputError, match=f"searches.jsonl: line 1: {sentence}"):
        list(read_searches(path, Columns(), True))
    with pytest.warns(UserWarning, match="1"):
        assert list(read_searches(path, Columns(bad_rows="skip"), True)) == [Search(2, "b", "B.")]


def test_a_text_is_held_out_with_all_its_queries():
    examples = [Search(line, f"query {line}", f"text {line % 40}") for line in range(80)]
    training, dev = hold_out_texts(examples)
    assert len(dev) == 8 and len(training) == 72
    assert not {each.text for each in training} & {each.text for each in dev}
    with pytest.raises(InputError, match=r"stand alone.*give a --dev file"):
        hold_out_texts([*examples, Search(80, None, "text")])
