"""The benchmark of few labels: fair draws, and a table from a small run of each method."""

import json
from collections import Counter

import pytest
import torch

import train_finetune
from benchmarks import few_labels
from bert.checkpoints.directory import save_checkpoint
from bert.config import BertConfig
from bert.heads.pretraining import BertForPreTraining
from bert.tasks.classification.read import Example
from bert.tasks.cloze.patterns import read_patterns
from bert.tokenization.wordpiece import WordPieceTokenizer
from finetuning import child_runs
from tests.conftest import WORDS
from tests.test_train_finetune import make_rows, write_tsv


def test_each_label_has_its_share_and_no_text_is_in_two_sets():
    training = [Example(line, f"text {line}", None, str(line % 3)) for line in range(300)]
    measured = [Example(line, f"other {line}", None, "0") for line in range(50)]
    few, unlabelled, test = few_labels.draw(training, measured, 30, 200, 40, seed=1)
    assert Counter(example.label for example in few) == {"0": 10, "1": 10, "2": 10}
    assert not set(few) & set(unlabelled)
    assert len(unlabelled) == 200
    assert len(test) == 40
    assert set(test) < set(measured)
    again, other = (few_labels.draw(training, measured, 30, 200, 40, seed)[0] for seed in (1, 2))
    assert few == again
    assert few != other


def test_several_seeds_have_a_mean_and_a_deviation():
    assert few_labels.mean_of([0.5]) == "0.5000"
    assert few_labels.mean_of([0.5, 0.7, 0.9]) == "0.7000 ± 0.2000"


@pytest.mark.parametrize("task", few_labels.QUESTIONS)
def test_the_patterns_of_each_task_are_a_patterns_file(task, tmp_path):
    few_labels.write_patterns(tmp_path / "p.toml", task)
    assert list(read_patterns(tmp_path / "p.toml").words) == list(few_labels.QUESTIONS[task]["words"])


def test_each_method_has_a_line_and_finished_trials_are_kept(tmp_path, monkeypatch, capsys):
    torch.manual_seed(5)
    words = "it was terrible bad great good all in just . , !".split()
    tokenizer = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words, *WORDS])
    config = BertConfig(tokenizer.vocab_size, 24, 1, 2, 32, max_position_embeddings=40, initializer_range=0.2)
    save_checkpoint(tmp_path / "checkpoint", BertForPreTraining(config), tokenizer)
    folder = tmp_path / "glue" / "SST-2"
    folder.mkdir(parents=True)
    for name, seed in (("train", 1), ("dev", 2)):
        rows = [(text, int(label == "wet")) for text, label in make_rows(60, seed)]
        write_tsv(folder / f"{name}.tsv", rows, ("sentence", "label"))
    monkeypatch.setenv("BERT_DATA", str(tmp_path))
    monkeypatch.setattr(few_labels, "in_a_process_of_its_own", lambda function, *given: function(*given))
    monkeypatch.setattr(child_runs, "start", train_finetune.main)
    monkeypatch.setitem(few_labels.QUESTIONS, "sst2", few_labels.SENTIMENT | {"patterns": ["{text} It was [MASK]."]})
    flags = ["--task", "sst2", "--checkpoint", tmp_path / "checkpoint", "--labelled", 8, "--seeds", 1, "--max-steps", 2,
             "--distil-steps", 2, "--max-length", 24, "--json", tmp_path / "rows.json"]  # fmt: skip
    few_labels.main(list(map(str, flags)))
    lines = capsys.readouterr().out.splitlines()[-8:]
    assert [line[:26].strip() for line in lines] == list(few_labels.METHODS)
    rows = json.loads((tmp_path / "rows.json").read_text())
    assert len(rows) == 2 + 6
    assert all(0 <= row["accuracy"] <= 1 for row in rows)
    dev = [int(label == "wet") for _, label in make_rows(60, 2)]
    assert rows[0]["accuracy"] == max(dev.count(0), dev.count(1)) / 60  # the majority's
    assert {row["trained_parameters"] for row in rows if row["method"] == "logistic regression"} == {25}
    monkeypatch.setattr(few_labels, "in_a_process_of_its_own", lambda *given: pytest.fail("measured again"))
    few_labels.main(list(map(str, flags)))
    assert capsys.readouterr().out.splitlines()[-8:] == lines


@pytest.mark.parametrize("method", ["cloze, unlabelled texts", "PET"])
def test_the_weight_of_masked_tokens_reaches_the_methods_with_unlabelled_texts(method, tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr(few_labels.train_finetune, "main", lambda flags: given.append(flags) or 0)
    monkeypatch.setattr(few_labels.pet, "main", lambda flags: given.append(flags) or 0)
    monkeypatch.setattr(few_labels, "what_came_out", lambda *_, **__: ({}, 0, 0))
    trial = few_labels.Trial("library", method, 8, 0, "checkpoint", 2, 1e-3, 24, 10, 10, 1, 2, masked_lm_weight=0.25)
    (few_labels.run_pet if method == "PET" else few_labels.finetune)(trial, tmp_path)
    (flags,) = given
    assert flags[flags.index("--masked-lm-weight") + 1] == "0.25"
