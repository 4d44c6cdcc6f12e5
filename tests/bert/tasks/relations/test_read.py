"""SemEval 2010's form and JSON lines with spans are read, with labels and without; what does not fit is named."""

import json
import os
from pathlib import Path

import pytest

from bert.errors import InputError
from bert.tasks.options import Columns
from bert.tasks.relations.read import MarkedText, find_relations, parse_tags, read_marked_texts

SEMEVAL = (
    '1\t"The <e1>author</e1> uses a <e2>disassembler</e2>."\r\nInstrument-Agency(e2,e1)\r\nComment: see <e1>?\r\n\r\n'
    '2\t"<e2>Rain</e2> fell in "May" on the <e1>stone</e1>."\r\nOther\r\nComment:\r\n\r\n'
)
EXPECTED = [
    MarkedText(1, "The author uses a disassembler.", (4, 10), (18, 30), "Instrument-Agency(e2,e1)"),
    MarkedText(5, 'Rain fell in "May" on the stone.', (26, 31), (0, 4), "Other"),
]


def write(tmp_path, text, name="a.txt"):
    path = tmp_path / name
    path.write_bytes(text.encode())
    return path


def read(path, labelled=True):
    return list(read_marked_texts(path, Columns(), labelled))


def unlabelled(examples):
    return [example._replace(label=None) for example in examples]


def test_semevals_form_is_read_with_its_relations_or_without(tmp_path):
    path = write(tmp_path, SEMEVAL)
    assert read(path) == EXPECTED
    assert read(path, labelled=False) == unlabelled(EXPECTED)


def test_relations_and_numbers_may_be_left_out_to_predict(tmp_path):
    lines = SEMEVAL.split("\r\n")
    path = write(tmp_path, f"{lines[0]}\n{lines[4]}\n")
    assert read(path, labelled=False) == unlabelled([EXPECTED[0], EXPECTED[1]._replace(line=2)])
    plain = write(tmp_path, "a <e1>b</e1> <e2>c</e2>\n\nComment: <e1>d</e1> <e2>e</e2>")
    assert [text for _, text, *_ in read(plain, labelled=False)] == ["a b c", "Comment: d e"]


def test_json_lines_have_spans(tmp_path):
    rows = [
        {"text": marked.text, "first": list(marked.first), "second": list(marked.second), "label": marked.label}
        for marked in EXPECTED
    ]
    path = write(tmp_path, "\n".join(map(json.dumps, rows)), "a.jsonl")
    expected = [marked._replace(line=line) for line, marked in enumerate(EXPECTED, start=1)]
    assert read(path) == expected
    for row in rows:
        del row["label"]
    path = write(tmp_path, "\n".join(map(json.dumps, rows)), "b.jsonl")
    assert read(path, labelled=False) == unlabelled(expected)


def test_tags_may_lie_in_each_other():
    assert parse_tags("a <e1>b <e2>c</e2></e1>", "here") == ("a b c", (2, 5), (4, 5))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('1\t"a <e1>b</e1> c"\nOther\n', r"line 1: each of <e1>, </e1>, <e2>, </e2> was expected once"),
        ("<e1>a</e1> <e1>b</e1> <e2>c</e2>\nOther\n", "line 1: each of"),
        ("</e1>a<e1> <e2>c</e2>\nOther\n", r"line 1: the entity <e1> is \[1, 0\]; \[start, end\] was expected"),
        ("<e1> </e1> <e2>c</e2>\nOther\n", "line 1: the entity <e1> marks nothing but white space"),
        ("<e1></e1> <e2>c</e2>\nOther\n", r"line 1: the entity <e1> is \[0, 0\]"),
        ("<e1>a</e1> <e2>c</e2>\n\n<e1>a</e1> <e2>c</e2>\nOther\n", "line 1: the sentence has no relation"),
        ("<e1>a</e1> <e2>c</e2>\nOther\nCause-Effect(e1,e2)\n", r"line 3: 'Cause-Effect\(e1,e2\)' is neither a text"),
        ("<e1>a</e1> <e2>c</e2>\na text without tags\n", r"2 rows are bad \(line 2: 'a text without tags' is neither"),
        ("Other\n<e1>a</e1> <e2>c</e2>\n", r"2 rows are bad \(line 1: 'Other' is neither"),
        ("\n\n", "holds no sentences"),
    ],
)
def test_what_does_not_fit_is_named_with_its_line(tmp_path, text, message):
    with pytest.raises(InputError, match=rf"a\.txt: {message}"):
        read(write(tmp_path, text))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"first": [0, 99]}, r"the span 'first' is \[0, 99\]; .* in a text of 5 characters"),
        ({"second": [2, 2]}, "the span 'second' is"),
        ({"second": [-1, 2]}, "the span 'second' is"),
        ({"second": [True, 2]}, "the span 'second' is"),
        ({"second": "c"}, "the span 'second' is c"),
        ({"second": [1, 2]}, "marks nothing but white space"),
        ({"second": None}, "the span 'second' is None"),
        ({"text": ""}, "'text' is ''; a text that is not empty"),
        ({"label": 3}, "'label' is 3"),
        ({"label": ...}, "has no key 'label'; its keys are text, first, second"),
    ],
)
def test_spans_and_labels_that_do_not_fit_are_named(tmp_path, change, message):
    row = {"text": "a b c", "first": [0, 1], "second": [4, 5], "label": "Other"} | change
    row = {key: value for key, value in row.items() if value is not ...}
    with pytest.raises(InputError, match=rf"a\.jsonl: line 1: .*{message}"):
        read(write(tmp_path, json.dumps(row), "a.jsonl"))


def test_bad_sentences_are_reported_together_or_left_out_with_their_relations(tmp_path):
    path = write(tmp_path, SEMEVAL + '3\t"<e1>a</e1> b"\r\nOther\r\n\r\n4\t"<e1>a</e1> <e2>b</e2>"\r\n\r\n' + SEMEVAL)
    with pytest.raises(InputError, match=r"2 rows are bad \(line 9: each of <e1>.*; line 12: the sentence has no rel"):
        read(path)
    with pytest.warns(UserWarning, match="2 rows are left out"):
        found = list(read_marked_texts(path, Columns(bad_rows="skip"), True))
    assert found == [*EXPECTED, *(each._replace(line=each.line + 13) for each in EXPECTED)]
    good = {"text": "a b", "first": [0, 1], "second": [2, 3], "label": "Other"}
    path = write(tmp_path, "\n".join(map(json.dumps, (good | {"first": [7, 8]}, good))), "a.jsonl")
    with pytest.warns(UserWarning, match="1 row is left out .line 1: the span 'first'"):
        assert len(list(read_marked_texts(path, Columns(bad_rows="skip"), True))) == 1


def test_tables_are_refused_with_a_word_on_what_is_read(tmp_path):
    with pytest.raises(InputError, match=r"a\.tsv: texts with two marked entities stand in \.txt"):
        read(write(tmp_path, "text\tlabel\n", "a.tsv"))


def example(line, label):
    return MarkedText(line, "a b", (0, 1), (2, 3), label)


def test_relations_come_in_alphabetical_order():
    examples = [example(1, "Other"), example(2, "B(e2,e1)"), example(3, "B(e1,e2)"), example(4, "Other")]
    assert find_relations(examples, "here") == ["B(e1,e2)", "B(e2,e1)", "Other"]


def test_a_single_relation_is_nothing_to_learn():
    with pytest.raises(InputError, match="here: all 2 relations are 'Other'"):
        find_relations([example(1, "Other"), example(2, "Other")], "here")


def test_semeval_2010_is_read_to_the_last_sentence():
    if "BERT_DATA" not in os.environ:
        pytest.skip("BERT_DATA does not name a folder of data sets")
    examples = read(Path(os.environ["BERT_DATA"], "semeval2010-task8", "train.txt"))
    assert len(examples) == 8_000
    assert len(find_relations(examples, "train")) == 19
    assert sum(each.label == "Other" for each in examples) == 1_410
    marked = examples[2]
    assert [marked.text[slice(*span)] for span in (marked.first, marked.second)] == ["author", "disassembler"]
