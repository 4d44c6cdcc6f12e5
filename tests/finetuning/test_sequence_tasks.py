"""The tasks of a sequence: drawn by a seed, with labels of their own."""

import json

import pytest

from bert.errors import InputError
from bert.tasks.classification.read import Example, read_examples
from bert.tasks.options import Columns
from finetuning.sequence_tasks import all_at_once, read_sequence
from tests.test_train_finetune import make_rows, write_tsv


@pytest.fixture
def two(tmp_path):
    """A known task of single texts, and another one of pairs, by their texts on the command line."""
    pair = ("index", "sentence1", "sentence2", "label")
    for name, folder, header in (("sst2", "sentiment", ("sentence", "label")), ("rte", "entailment", pair)):
        (tmp_path / folder).mkdir()
        for part, seed in (("train", 1), ("dev", 2)):
            rows = make_rows(40, seed)
            of_pairs = [(number, text, "a king", label) for number, (text, label) in enumerate(rows)]
            write_tsv(tmp_path / folder / f"{part}.tsv", of_pairs if name == "rte" else rows, header)
    return [f"sst2={tmp_path / 'sentiment'}", f"rte={tmp_path / 'entailment'}"]


def test_labels_of_the_same_name_are_other_labels_in_another_task(two):
    first, second = read_sequence(two, Columns(), 30, seed=1)
    assert (first.name, first.labels) == ("sst2", ("sst2: dry", "sst2: wet"))
    assert (second.name, second.labels) == ("rte", ("rte: dry", "rte: wet"))
    assert {example.label for example in (*second.training, *second.dev)} == set(second.labels)
    assert (len(first.training), len(first.dev)) == (30, 40)


def test_shared_labels_keep_their_names(two):
    assert [task.labels for task in read_sequence(two, Columns(), 30, 1, shared_labels=True)] == [("dry", "wet")] * 2


def test_a_seed_draws_the_same_examples_again_and_another_seed_others(two):
    drawn, again, others = (read_sequence(two, Columns(), 10, seed)[0].training for seed in (1, 1, 2))
    assert drawn == again
    assert drawn != others
    assert [example.line for example in drawn] == sorted(example.line for example in drawn)
    assert len(read_sequence(two, Columns(), 1_000, 1)[0].training) == 40  # all there are


def test_the_files_hold_what_was_read(two, tmp_path):
    first, second = read_sequence(two, Columns(), 30, 1)
    flags = [task.write(tmp_path / task.name) for task in (first, second)]
    train, dev = tmp_path / "rte" / "train.jsonl", tmp_path / "rte" / "dev.jsonl"
    assert flags[1] == ["--text-pair-column", "text_pair", "--train", str(train), "--dev", str(dev)]
    assert flags[0][0] == "--train"
    assert contents(read_examples(dev, Columns(text_pair="text_pair"))) == contents(second.dev)
    assert json.loads((tmp_path / "sst2" / "train.jsonl").read_text().splitlines()[0]).keys() == {"text", "label"}


def test_all_at_once_holds_texts_and_pairs_of_all_labels(two, tmp_path):
    tasks = read_sequence(two, Columns(), 30, 1)
    together = all_at_once(tasks)
    assert together.labels == ("sst2: dry", "sst2: wet", "rte: dry", "rte: wet")
    together.write(tmp_path / "all")
    found = contents(read_examples(tmp_path / "all" / "train.jsonl", Columns(text_pair="text_pair")))
    assert found == contents(tasks[0].training) + contents(tasks[1].training)


def test_of_a_table_a_tenth_is_held_out_and_numbers_are_one_label_however_written(tmp_path):
    rows = [(f"text {number}", "yes", f"{number % 2}{'.0' * (number > 30)}") for number in range(40)]
    path = write_tsv(tmp_path / "mails.tsv", rows, ("body", "second", "folder"))
    (task,) = read_sequence([f"mails={path}"], Columns("body", None, "folder"), 100, 1)
    assert (len(task.training), len(task.dev)) == (36, 4)
    assert task.labels == ("mails: 0", "mails: 1")


def test_what_is_no_task_is_refused(two, tmp_path):
    def refused(*texts, **columns):
        with pytest.raises(InputError) as caught:
            read_sequence(texts, Columns(**columns), 10, 1)
        return str(caught.value)

    assert "--tasks mrpc: NAME=PATH was expected" in refused("mrpc")
    assert "--tasks a/b=c.tsv: NAME=PATH was expected" in refused("a/b=c.tsv")
    assert "--tasks: sst2 is there twice" in refused(*two, two[0])
    assert "is a task of the kind regression" in refused(f"stsb={tmp_path}")
    assert "holds no train.tsv" in refused(f"mrpc={tmp_path}")
    assert "nowhere.tsv: no such file" in refused("mails=nowhere.tsv")
    assert "--tasks names none; leave them out" in refused(*two, text="body")
    (tmp_path / "sentiment" / "dev.tsv").write_text("sentence\tlabel\na king\tdamp\n")
    assert "the label 'damp' is not one of those trained on" in refused(*two)


def contents(examples) -> list[Example]:
    return [example._replace(line=0) for example in examples]
