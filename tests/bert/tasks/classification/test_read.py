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
