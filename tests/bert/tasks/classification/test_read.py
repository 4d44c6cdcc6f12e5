"""Texts: read from GLUE's files and anybody's own, with labels or without, and refused if nothing can be learned."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from bert.errors import InputError
from bert.tasks.classification.class_weights import balanced_class_weights
from bert.tasks.classification.read import Example, find_labels, hold_out, label_ids, read_examples
from bert.tasks.options import Columns
from finetuning.known_tasks import KNOWN_TASKS, find_file

SINGLE, MULTI, REGRESSION = "single_label_classification", "multi_label_classification", "regression"


def read(path, columns, problem_type):
    return list(read_examples(path, columns, problem_type=problem_type))


def table(tmp_path, rows, name="a.tsv"):
    path = tmp_path / name
    path.write_text("\n".join("\t".join(row) for row in rows) + "\n", encoding="utf-8")
    return path


def test_single_texts_and_pairs_are_read_with_their_lines(tmp_path):
    path = table(tmp_path, [("label", "a", "b"), ("yes", "one", "two"), ("no", "three", "four")])
    examples = read(path, Columns("a"), SINGLE)
    assert examples == [Example(2, "one", None, "yes"), Example(3, "three", None, "no")]
    assert read(path, Columns("b", "a"), SINGLE)[1] == Example(3, "four", "three", "no")


def test_labels_come_in_the_order_of_numbers_or_names(tmp_path):
    def labels(*names):
        return find_labels([Example(1, "x", None, name) for name in names], "here", SINGLE)

    assert labels("10", "9", "-1", "9") == ["-1", "9", "10"]
    assert labels("b", "a", "10", "9") == ["10", "9", "a", "b"]


def test_labels_become_numbers():
    examples = [Example(2, "x", None, "b"), Example(3, "y", None, "a")]
    assert label_ids(examples, ["a", "b", "c"], SINGLE, "here").tolist() == [1, 0]


def test_several_labels_are_split_at_the_separator_or_come_as_a_list(tmp_path):
    path = table(tmp_path, [("text", "label"), ("one", "b; a"), ("two", ""), ("three", "c;b;c")])
    examples = read(path, Columns(separator=";"), MULTI)
    assert [example.label for example in examples] == [("a", "b"), (), ("b", "c")]
    labels = find_labels(examples, "here", MULTI)
    assert label_ids(examples, labels, MULTI, "here").tolist() == [[1, 1, 0], [0, 0, 0], [0, 1, 1]]
    lines = tmp_path / "a.jsonl"
    lines.write_text("\n".join(json.dumps({"text": "x", "label": label}) for label in (["b", "a"], [], ["c", "b"])))
    assert [example.label for example in read(lines, Columns(), MULTI)] == [("a", "b"), (), ("b", "c")]


def test_numbers_stay_numbers(tmp_path):
    path = table(tmp_path, [("text", "label"), ("one", "2.5"), ("two", "-1e1")])
    examples = read(path, Columns(), REGRESSION)
    assert find_labels(examples, "here", REGRESSION) == ["score"]
    numbers = label_ids(examples, ["score"], REGRESSION, "here")
    assert numbers.tolist() == [2.5, -10.0]
    assert numbers.dtype == np.float32


def test_json_labels_may_be_numbers_and_truths(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a", "label": 1}\n{"text": "b", "label": true}\n')
    assert [example.label for example in read(path, Columns(), SINGLE)] == ["1", "True"]


@pytest.mark.parametrize(
    ("label", "problem_type", "message"),
    [("[1, 2]", SINGLE, "the label is a list, not a name"), ('{"a": 1}', SINGLE, "the label is a dict"),
     ("1" + 400 * "0", REGRESSION, "is not a number from")],
)  # fmt: skip
def test_a_label_of_json_that_is_none_is_named(tmp_path, label, problem_type, message):
    (tmp_path / "a.jsonl").write_text(f'{{"text": "a", "label": {label}}}\n')
    with pytest.raises(InputError, match=rf"a\.jsonl: line 1: {message}|{message}"):
        read(tmp_path / "a.jsonl", Columns(), problem_type)


@pytest.mark.parametrize("problem_type", [SINGLE, MULTI])
def test_a_number_is_one_label_however_it_is_written(problem_type):
    def examples(*names):
        return [Example(1, "a", None, name if problem_type == SINGLE else (name,)) for name in names]

    def ids(names, labels):
        found = label_ids(examples(*names), labels, problem_type, "here")
        return found.tolist() if problem_type == SINGLE else found.argmax(axis=1).tolist()

    labels = find_labels(examples("0.0", "1", "1.0", "0", "10"), "here", problem_type)
    assert labels == ["0", "1", "10"]
    assert ids(["1.0", "0", "10.00"], labels) == [1, 0, 2]
    as_pandas = find_labels(examples("0.0", "1.0", "2.5"), "train.tsv", problem_type)
    assert as_pandas == ["0.0", "1.0", "2.5"]  # nothing to merge: the names stay
    assert ids(["1", "0", "2.50"], as_pandas) == [1, 0, 2]
    with pytest.raises(InputError, match="the label '2' is not one"):
        ids(["2"], as_pandas)


def test_labels_of_which_one_is_no_number_are_names():
    labels = find_labels([Example(1, "a", None, name) for name in ("1", "1.0", "True", "007", "7")], "here", SINGLE)
    assert labels == ["007", "1", "1.0", "7", "True"]


def test_a_column_of_other_numbers_than_labels_is_refused_at_once():
    """Comparing each number with each other one would take minutes."""
    numbers = [Example(1, "a", None, str(number)) for number in range(100_000)]
    with pytest.raises(InputError, match="100,000 different labels"):
        find_labels(numbers, "here", SINGLE)


JIGSAW = """"id","comment_text","toxic","severe_toxic","insult"
"a1","you ""quoted""
fool",1,0,1
"a2","thank you",0.0,0,False
"a3","I will",true,0,0
"""


def test_several_columns_of_0_and_1_are_labels(tmp_path):
    (tmp_path / "train.csv").write_text(JIGSAW)
    columns = Columns("comment_text", label=("toxic", "severe_toxic", "insult"))
    examples = read(tmp_path / "train.csv", columns, MULTI)
    assert [example.label for example in examples] == [("insult", "toxic"), (), ("toxic",)]
    assert label_ids(examples, columns.label, MULTI, "here").tolist() == [[1, 0, 1], [0, 0, 0], [1, 0, 0]]


@pytest.mark.parametrize("value", ["2", "-1", "", "yes", "0.5"])
def test_a_column_of_one_label_has_nothing_but_0_and_1(tmp_path, value):
    (tmp_path / "train.csv").write_text(f"{JIGSAW}a4,bad,1,{value},0\n")
    columns = Columns("comment_text", label=("toxic", "severe_toxic"))
    with pytest.raises(InputError, match=rf"line 6: the label severe_toxic is '{value}'; 0 or 1 was expected"):
        read(tmp_path / "train.csv", columns, MULTI)


def test_columns_of_labels_fit_multi_label_alone_and_are_there_once(tmp_path):
    (tmp_path / "train.csv").write_text(JIGSAW)
    with pytest.raises(InputError, match=r"--label-column names 2 columns.*--problem multi-label"):
        read(tmp_path / "train.csv", Columns("comment_text", label=("toxic", "insult")), SINGLE)
    with pytest.raises(InputError, match="--label-column names toxic twice"):
        read(tmp_path / "train.csv", Columns("comment_text", label=("toxic", "toxic")), MULTI)
    with pytest.raises(InputError, match=r"has no column 'rude'.*--label-column rude"):
        read(tmp_path / "train.csv", Columns("comment_text", label=("toxic", "rude")), MULTI)
    with pytest.raises(InputError, match="is the column of the texts as well"):
        read(tmp_path / "train.csv", Columns("toxic", label=("insult", "toxic")), MULTI)


def test_a_single_column_of_0_and_1_is_no_column_of_several_names():
    def examples(*labels):
        return [Example(1, "a", None, names) for names in labels]

    for labels in ((("0",), ("1",), ("1",)), (("True",), ("false",))):
        with pytest.raises(InputError, match=r"which says of one label.*--label-column A B.*--problem single-label"):
            find_labels(examples(*labels), "here", MULTI)
    assert find_labels(examples(("0",), ("0", "1"), ()), "here", MULTI) == ["0", "1"]


def test_lists_of_0_and_1_are_no_names(tmp_path):
    path = tmp_path / "a.jsonl"
    for label in ([1, 0, 1], [0.0, 0.0], [True, True, False]):
        path.write_text(json.dumps({"text": "a", "label": label}) + "\n")
        with pytest.raises(InputError, match=r"line 1: the label \[.*\] is 0 and 1; names were expected, or columns"):
            read(path, Columns(), MULTI)
    as_text = table(tmp_path, [("text", "label"), ("a", "1,0,0"), ("b", "['x', 'y']"), ("c", "x,y,x")])
    with pytest.raises(
        InputError, match=r"2 rows are bad \(line 2: the label 1,0,0 is 0 and 1; .*line 3: .* list as text"
    ):
        read(as_text, Columns(), MULTI)
    path.write_text('{"text": "a", "label": [0]}\n{"text": "b", "label": [1, 2]}\n{"text": "c", "label": []}\n')
    assert [each.label for each in read(path, Columns(), MULTI)] == [("0",), ("1", "2"), ()]  # ids are names
    path.write_text('{"text": "a", "label": [0, 1]}\n{"text": "b", "label": [1, 0]}\n')
    with pytest.raises(InputError, match=r"all 2 examples have the labels 0, 1, .*not 0 and 1 for each"):
        find_labels(read(path, Columns(), MULTI), "here", MULTI)


def test_a_label_that_stands_for_none_makes_a_bad_row(tmp_path):
    path = table(tmp_path, [("text", "label"), ("one", "a"), ("two", "-"), ("three", "b")])
    columns = Columns(no_label="-", bad_rows="skip")
    with pytest.warns(UserWarning, match=r"1 row is left out \(line 3: the label is '-', which stands for none"):
        assert [example.label for example in read(path, columns, SINGLE)] == ["a", "b"]


def test_bad_rows_of_all_kinds_are_reported_together(tmp_path):
    rows = [("text", "label"), ("a", "1"), ("b",), ("", "1"), ("c", "0"), ("d", "")]
    path = table(tmp_path, rows)
    with pytest.raises(InputError) as caught:
        read(path, Columns(), SINGLE)
    assert str(caught.value) == (
        f"{path}: 3 rows are bad (line 3: has 1 field, not 2 as in the first line; line 4: the text is empty "
        f"(--text-column); line 6: the label is empty (--label-column)); mend or remove them, or leave them out with "
        f"--bad-rows skip"
    )
    with pytest.warns(UserWarning, match="3 rows are left out"):
        assert [each.line for each in read(path, Columns(bad_rows="skip"), SINGLE)] == [2, 5]


def test_bad_rows_of_a_file_to_predict_are_never_left_out(tmp_path):
    path = table(tmp_path, [("text",), ("a",), ("b", "c")])
    with pytest.raises(InputError, match=r"line 3: has 2 fields, not 1 as in the first line; mend or remove it$"):
        list(read_examples(path, Columns(bad_rows="skip"), labelled=False))


def test_a_text_of_json_may_be_a_list_of_words(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"keyword": ["one two", "three"], "label": "0"}\n')
    assert read(tmp_path / "a.jsonl", Columns("keyword"), SINGLE) == [Example(1, "one two three", None, "0")]


def test_labels_that_only_look_like_numbers_are_names():
    examples = [Example(1, "a", None, label) for label in ("--1", "2", 5000 * "9")]
    assert find_labels(examples, "here", SINGLE) == ["--1", "2", 5000 * "9"]


def test_labels_need_something_to_be_split_at(tmp_path):
    path = table(tmp_path, [("text", "label"), ("a", "b,c")])
    with pytest.raises(InputError, match="--label-separator is empty"):
        read(path, Columns(separator=""), MULTI)


@pytest.mark.parametrize(
    ("rows", "problem_type", "message"),
    [
        ([("", "1")], SINGLE, r"a\.tsv: line 2: the text is empty \(--text-column\)"),
        ([("a", "1"), (" ", "0")], SINGLE, r"a\.tsv: line 3: the text is empty"),
        ([("a", " ")], SINGLE, r"a\.tsv: line 2: the label is empty"),
        ([("a", "high")], REGRESSION, r"a\.tsv: line 2: the label 'high' is not a number"),
        ([("a", "nan")], REGRESSION, r"a\.tsv: line 2: the label 'nan' is not a number"),
        ([("a", "1e15"), ("b", "-1.1e15")], REGRESSION, r"a\.tsv: line 3: the label '-1.1e15' is not a number"),
        ([], SINGLE, r"a\.tsv: holds no examples"),
        ([("a", "1"), ("b",)], SINGLE, r"a\.tsv: line 3: has 1 field, not 2"),
    ],
)
def test_a_row_that_cannot_be_learned_from_is_named(tmp_path, rows, problem_type, message):
    path = table(tmp_path, [("text", "label"), *rows])
    with pytest.raises(InputError, match=message):
        read(path, Columns(), problem_type)


def test_a_text_that_is_no_text_is_named(tmp_path):
    path = tmp_path / "a.jsonl"
    for value, found in (("7", "is 7"), ("null", "is empty"), ('["x", 7]', r"is \['x', 7\]")):
        path.write_text(f'{{"text": {value}, "label": 1}}\n')
        with pytest.raises(InputError, match=f"line 1: the text {found}"):
            read(path, Columns(), SINGLE)


def test_null_as_the_second_text_is_a_single_text_among_pairs(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": "x", "b": "y", "label": 1}\n{"a": "z", "b": null, "label": 0}\n')
    columns = Columns("a", "b")
    assert list(read_examples(path, columns)) == [Example(1, "x", "y", "1"), Example(2, "z", None, "0")]
    with pytest.raises(InputError, match="line 2: the text is empty"):
        list(read_examples(path, columns, labelled=False))  # a prediction file is of one form
    path.write_text('{"a": null, "b": "y", "label": 1}\n')
    with pytest.raises(InputError, match=r"line 1: the text is empty \(--text-column\)"):
        list(read_examples(path, columns))


def test_labels_that_are_all_one_class_or_all_different_are_refused():
    with pytest.raises(InputError, match="here: all 3 labels are 'x'"):
        find_labels([Example(1, "t", None, "x")] * 3, "here", SINGLE)
    with pytest.raises(InputError, match=r"2,000 different labels.*--problem regression"):
        find_labels([Example(1, "t", None, str(number)) for number in range(2_000)], "here", SINGLE)
    with pytest.raises(InputError, match="none of the 2 examples has a label"):
        find_labels([Example(1, "t", None, ())] * 2, "here", MULTI)


def test_a_label_that_was_not_trained_on_is_named_with_those_that_were():
    for problem_type, label in ((SINGLE, "z"), (MULTI, ("a", "z"))):
        with pytest.raises(InputError, match=r"dev\.tsv: line 7: the label 'z' is not one of those trained on: a, b"):
            label_ids([Example(7, "t", None, label)], ["a", "b"], problem_type, "dev.tsv")


def test_a_tenth_is_held_out_the_same_each_time_and_nothing_is_lost():
    examples = [Example(number, "t", None, "x") for number in range(95)]
    training, held_out = hold_out(examples)
    assert len(held_out) == 9
    assert sorted(training + held_out) == examples
    assert hold_out(examples) == (training, held_out)
    assert held_out != examples[:9]
    with pytest.raises(InputError, match="too few to hold out"):
        hold_out(examples[:19])


def test_balanced_weights_make_classes_equal_and_keep_the_mean():
    numbers = np.array([0] * 6 + [1] * 3 + [2])
    weights = balanced_class_weights(numbers, 3)
    assert np.allclose(weights * np.bincount(numbers), 10 / 3)
    assert np.isclose(weights[numbers].mean(), 1)


@pytest.mark.parametrize(
    ("name", "folder", "train", "dev", "labels"),
    [
        ("cola", "CoLA", 8551, 1043, ["0", "1"]),
        ("sst2", "SST-2", 67349, 872, ["0", "1"]),
        ("mrpc", "MRPC", 3667, 408, ["0", "1"]),
        ("stsb", "STS-B", 5749, 1500, ["score"]),
        ("rte", "RTE", 2490, 277, ["entailment", "not_entailment"]),
    ],
)
def test_glue_is_read_to_the_last_row(name, folder, train, dev, labels):
    if "BERT_DATA" not in os.environ:
        pytest.skip("BERT_DATA does not name a folder of data sets")
    task, counts = KNOWN_TASKS[name], []
    for file in (task.train, task.dev):
        path = find_file(Path(os.environ["BERT_DATA"], "glue", folder), file)
        problem_type = "regression" if task.problem == "regression" else "single_label_classification"
        examples = read(path, task.columns, problem_type)
        assert find_labels(examples, str(path), problem_type) == labels
        assert (examples[0].second is None) == (task.columns.text_pair is None)
        counts.append(len(examples))
    assert counts == [train, dev]


def test_rows_that_qqp_was_published_with_are_passed_over_with_a_warning(tmp_path):
    header = "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n"
    rows = ["0\t1\t2\ta\tb\t0\n", "1\t3\t4\ta\n", "2\t5\t6\tc\td\t1\n", "3\t7\t8\t\td\t1\n", "4\t9\t9\te\tf\t\n"]
    (tmp_path / "train.tsv").write_text(header + "".join(rows))
    columns = KNOWN_TASKS["qqp"].columns
    message = r"3 rows are left out \(line 3: has 4 fields.*; line 5: the text is empty.*; line 6: the label is empty"
    with pytest.warns(UserWarning, match=message):
        examples = read(tmp_path / "train.tsv", columns, "single_label_classification")
    assert [(example.line, example.first) for example in examples] == [(2, "a"), (4, "c")]
    with pytest.raises(InputError, match=r"3 rows are bad \(line 3: has 4 fields, not 6"):
        read(tmp_path / "train.tsv", columns._replace(bad_rows="stop"), "single_label_classification")


def test_a_data_set_is_found_plain_or_compressed_or_named_as_missing(tmp_path):
    (tmp_path / "train.tsv.xz").write_bytes(b"")
    assert find_file(tmp_path, "train.tsv") == tmp_path / "train.tsv.xz"
    with pytest.raises(InputError, match=r"holds no dev\.tsv"):
        find_file(tmp_path, "dev.tsv")
    for nowhere in (tmp_path / "nowhere", tmp_path / ("x" * 300)):
        with pytest.raises(InputError, match="no such directory"):
            find_file(nowhere, "dev.tsv")


def test_without_labels_texts_may_be_empty_and_no_label_column_is_needed(tmp_path):
    path = table(tmp_path, [("a", "b"), ("", "one"), ("two", " ")])
    assert list(read_examples(path, Columns("a", "b"), labelled=False)) == [
        Example(2, "", "one", None), Example(3, "two", " ", None),
    ]  # fmt: skip
    (tmp_path / "a.txt").write_text("x\n\ny\n")
    assert [each.first for each in read_examples(tmp_path / "a.txt", Columns(), labelled=False)] == ["x", "", "y"]
    alone = read_examples(path, Columns("b"), labelled=False)
    assert [(each.first, each.second) for each in alone] == [("one", None), (" ", None)]
    with pytest.raises(InputError, match="holds no texts"):
        list(read_examples(table(tmp_path, [("a",)], "b.tsv"), Columns("a"), labelled=False))
    (tmp_path / "b.jsonl").write_text('{"a": 7}')
    with pytest.raises(InputError, match=r"line 1: the text is 7 \(--text-column\)"):
        list(read_examples(tmp_path / "b.jsonl", Columns("a"), labelled=False))
