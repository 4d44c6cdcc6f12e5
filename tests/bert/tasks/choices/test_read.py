"""Contexts with choices are read with labels and without, and what does not fit is named with its line."""

import json

import pytest

from bert.errors import InputError
from bert.tasks.choices.read import Choices, read_choices
from bert.tasks.options import Columns

GOOD = {"context": "a b", "choices": ["c", "d", "e"], "label": 2}


def write(tmp_path, *rows):
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def test_choices_are_read_with_their_label_or_without(tmp_path):
    path = write(tmp_path, GOOD, {"context": "f", "choices": ["g", "h"], "label": 0})
    assert list(read_choices(path, Columns(), labelled=True)) == [
        Choices(1, "a b", ("c", "d", "e"), 2), Choices(2, "f", ("g", "h"), 0),
    ]  # fmt: skip
    path = write(tmp_path, {"context": "f", "choices": ["g", "h"]}, GOOD | {"label": "?"})
    assert [example.label for example in read_choices(path, Columns(), labelled=False)] == [None, None]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": 3}, "the label is '3'; the number of the right choice was expected, from 0 to 2"),
        ({"label": -1}, "the label is '-1'"),
        ({"label": True}, "the label is 'True'"),
        ({"label": "c"}, "the label is 'c'"),
        ({"choices": ["c"]}, r"'choices' is \['c'\]; a list of at least 2"),
        ({"choices": "cd"}, "'choices' is 'cd'; a list"),
        ({"choices": ["c", " "]}, "'choices' holds ' ' as its number 1"),
        ({"context": 7}, "'context' is 7; a text"),
        ({"context": "\n"}, "'context' is"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, change, message):
    with pytest.raises(InputError, match=rf"a\.jsonl: line 2: {message}"):
        list(read_choices(write(tmp_path, GOOD, GOOD | change), Columns(), labelled=True))


SWAG = ",sent1,sent2,ending0,ending1,ending2,ending3,label\n"


def test_swags_columns_are_a_context_and_its_choices(tmp_path):
    path = tmp_path / "val.csv"
    path.write_text(f'{SWAG}0,"A door, open.",It,shuts.,sings.,"is ""red"".",runs.,2\n')
    (example,) = read_choices(path, Columns(), labelled=True)
    assert example == Choices(2, "A door, open.", ("It shuts.", "It sings.", 'It is "red".', "It runs."), 2)
    path.write_text(path.read_text().replace(",label", "").replace(",2\n", "\n"))
    assert list(read_choices(path, Columns(), labelled=False)) == [example._replace(label=None)]


@pytest.mark.parametrize(
    ("row", "message"),
    [("0,a,b,c,d,e,f,4", "line 2: the label is '4'"), ("0,a,b,c,d,e,f,gold", "the label is 'gold'"),
     ("0,,b,c,d,e,f,1", "line 2: 'context' is ''"), ("0,a,b,c,d,e,f", "line 2: has 7 fields, not 8")],
)  # fmt: skip
def test_what_does_not_fit_swags_columns_is_named(tmp_path, row, message):
    (tmp_path / "val.csv").write_text(f"{SWAG}{row}\n")
    with pytest.raises(InputError, match=message):
        list(read_choices(tmp_path / "val.csv", Columns(), labelled=True))
    (tmp_path / "val.csv").write_text("text,label\na,b\n")
    with pytest.raises(InputError, match=r"has no column 'sent1': .*SWAG's columns were expected, or \.jsonl"):
        list(read_choices(tmp_path / "val.csv", Columns(), labelled=True))


def test_bad_rows_are_reported_together_or_left_out(tmp_path):
    path = write(tmp_path, GOOD | {"label": 9}, GOOD, GOOD | {"choices": []})
    path.write_text(path.read_text() + "\nno JSON\n")
    with pytest.raises(InputError, match=r"3 rows are bad \(line 1: the label.*line 3: 'choices'.*line 4: is not JSON"):
        list(read_choices(path, Columns(), labelled=True))
    with pytest.warns(UserWarning, match="3 rows are left out"):
        assert [each.line for each in read_choices(path, Columns(bad_rows="skip"), labelled=True)] == [2]


def test_a_missing_key_is_named_with_those_that_there_are(tmp_path):
    with pytest.raises(InputError, match="line 1: has no key 'choices'; its keys are context, endings"):
        list(read_choices(write(tmp_path, {"context": "a", "endings": []}), Columns(), labelled=True))
    with pytest.raises(InputError, match="line 1: has no key 'context'; its keys are none"):
        list(read_choices(write(tmp_path, {}), Columns(), labelled=False))
