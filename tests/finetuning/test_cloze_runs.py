"""Cloze questions as their user runs them: zero-shot, trained, beside unlabelled texts, stopped, resumed, misused."""

import csv
import json
import shutil

import pytest
import torch

from bert.__main__ import main as bert_command
from bert.checkpoints.directory import load_checkpoint, save_checkpoint
from bert.config import BertConfig
from bert.heads.classification import BertForSequenceClassification
from bert.heads.cloze import BertForCloze
from bert.heads.pretraining import BertForPreTraining
from bert.model.bert import BertModel
from bert.tokenization.wordpiece import WordPieceTokenizer
from bert.training import state
from bert.training.reporting import read_log
from bert.training.state_reading import newest_state
from tests.conftest import WORDS
from tests.processes import run_in_processes
from tests.test_train_finetune import (
    SMALL_RUN,
    error_of,
    finetune,
    make_rows,
    report_of,
    same_bytes,
    write_tsv,
)

SHORT = 'patterns = ["{text} it was [MASK].", "[MASK] . {text}"]\n[words]\nwet = ["wet", "damp"]\ndry = ["dry"]\n'
LONG_RUN = ["--eval-every", 60, "--checkpoint-every", 60, "--report-every", 60]  # evaluating takes the most time
LONG = SHORT.replace('"damp"', '"damps"')


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A pretrained checkpoint (untrained, in truth, and without dropout), tables and patterns."""
    folder = tmp_path_factory.mktemp("cloze")
    torch.manual_seed(5)
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = WordPieceTokenizer([*special, ".", "##s", "it", "was", "wet", "damp", "dry", *WORDS])
    config = BertConfig(
        tokenizer.vocab_size, 24, 2, 2, 32, max_position_embeddings=40, initializer_range=0.2, hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    save_checkpoint(folder / "checkpoint", BertForPreTraining(config), tokenizer)
    save_checkpoint(folder / "no-head", BertModel(config), tokenizer)
    for name, seed in (("train", 1), ("dev", 2)):
        write_tsv(folder / f"{name}.tsv", make_rows(60, seed))
    (folder / "unlabelled.txt").write_text("".join(f"{text}\n" for text, _ in make_rows(100, 3)))
    (folder / "short.toml").write_text(SHORT)
    (folder / "long.toml").write_text(LONG)
    return folder


@pytest.fixture(scope="module")
def given(folder):
    """The flags of a training run."""
    return [
        "--problem", "cloze", "--checkpoint", folder / "checkpoint", "--train", folder / "train.tsv", "--dev",
        folder / "dev.tsv", "--patterns", folder / "short.toml", *SMALL_RUN,
    ]  # fmt: skip


def predictions_of(run) -> list[str]:
    with open(run / "predictions.tsv", newline="") as file:
        return [row["prediction"] for row in csv.DictReader(file, delimiter="\t")]


def test_a_few_labels_are_learned_and_predict_works_from_the_run_alone(folder, given, tmp_path, capsys):
    patterns, run = tmp_path / "p.toml", tmp_path / "run"
    patterns.write_text(SHORT)
    assert finetune(*given, "--patterns", patterns, *LONG_RUN, "--epochs", 8, "--output", run) == 0
    patterns.unlink()
    report = report_of(run)
    assert report["dev"]["accuracy"] > 0.9
    assert report["labels"] == ["wet", "dry"]
    task = json.loads((run / "task.json").read_text())
    assert task["patterns"] == ["{text} it was [MASK].", "[MASK] . {text}"]
    assert task["words"] == {"wet": ["wet", "damp"], "dry": ["dry"]}
    capsys.readouterr()
    assert bert_command(["predict", str(run), str(folder / "dev.tsv"), "--device", "cpu"]) == 0
    header, *lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert header == ["prediction", "p(wet)", "p(dry)", "text"]
    assert [line[0] for line in lines] == predictions_of(run)
    task["words"]["wet"] = "[SEP]"
    (run / "task.json").write_text(json.dumps(task))
    assert bert_command(["predict", str(run), str(folder / "dev.tsv"), "--device", "cpu"]) == 2
    assert "task.json: words of wet: '[SEP]' has the special token [SEP]" in capsys.readouterr().err


def test_words_of_several_pieces_are_learned_and_named(given, folder, tmp_path, capsys):
    run = tmp_path / "run"
    assert finetune(*given, "--patterns", folder / "long.toml", *LONG_RUN, "--epochs", 15, "--output", run) == 0
    assert "Note: of the words, damps (damp ##s) are of several pieces" in capsys.readouterr().out
    assert report_of(run)["dev"]["accuracy"] > 0.8
    assert bert_command(["predict", str(run), str(folder / "dev.tsv"), "--device", "cpu"]) == 0
    assert [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()[1:]] == predictions_of(run)


def test_zero_shot_measures_the_checkpoint_as_it_is(given, folder, tmp_path, capsys):
    run = tmp_path / "run"
    zero_shot = ["--problem", "cloze", "--checkpoint", folder / "checkpoint", "--patterns", folder / "short.toml"]
    zero_shot += ["--dev", folder / "dev.tsv", "--zero-shot", "--precision", "fp32", "--max-length", 20]
    assert finetune(*zero_shot, "--output", run) == 0
    report = report_of(run)
    assert (report["steps"], report["examples"]) == (0, {"train": 0, "dev": 60})
    assert 0 <= report["dev"]["accuracy"] <= 1
    dev = [label for _, label in make_rows(60, 2)]
    majority = max(dev.count("wet"), dev.count("dry")) / 60
    assert report["baseline"]["dev"]["accuracy"] == majority  # no training label is there to learn a guess from
    assert f"(baseline {majority:.4f})" in capsys.readouterr().out
    assert "Measures" in (run / "report.html").read_text()
    assert not (run / "curves.png").exists()  # it would be empty
    before = load_checkpoint(folder / "checkpoint", BertForCloze).state_dict()
    after = load_checkpoint(run, BertForCloze).state_dict()
    assert all(torch.equal(weight, after[name]) for name, weight in before.items())
    capsys.readouterr()
    assert bert_command(["predict", str(run), str(folder / "dev.tsv"), "--device", "cpu"]) == 0
    assert [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()[1:]] == predictions_of(run)
    assert finetune("--output", run, "--resume") == 0
    assert report_of(run)["dev"] == report["dev"]
    # A training file changes nothing, and without --dev it is the one that is measured.
    for name, files in (("both", ["--train", folder / "train.tsv"]), ("test", ["--test", folder / "dev.tsv"])):
        assert finetune(*zero_shot, *files, "--output", tmp_path / name) == 0
        assert report_of(tmp_path / name)["dev"] == report["dev"]
        assert ("so the --train file is not read" in capsys.readouterr().out) == (name == "both")
    only = [flag for flag in zero_shot if flag not in ("--dev", folder / "dev.tsv")]
    assert finetune(*only, "--train", folder / "dev.tsv", "--output", tmp_path / "only") == 0
    assert report_of(tmp_path / "only")["dev"] == report["dev"]


def test_unlabelled_texts_are_a_second_loss(given, folder, tmp_path):
    run = tmp_path / "run"
    unlabelled = ["--unlabelled", folder / "unlabelled.txt", "--masked-lm-weight", 0.01, "--epochs", 4]
    assert finetune(*given, *unlabelled, "--output", run) == 0
    lines = [line for line in read_log(run / "log.jsonl") if "masked_lm_loss" in line]
    assert lines
    assert all(line["masked_lm_loss"] > 1 for line in lines)  # unweighted
    assert report_of(run)["dev"]["accuracy"] > 0.8
    (folder / "other.txt").write_text("a river\n" * 40)
    moved = json.loads((run / "arguments.json").read_text()) | {"unlabelled": str(folder / "other.txt")}
    (run / "arguments.json").write_text(json.dumps(moved))
    assert finetune("--output", run, "--resume") == 2


def test_micro_batches_and_processes_change_nothing_but_rounding(given, folder, tmp_path):
    arguments = [*given, "--unlabelled", folder / "unlabelled.txt", "--masked-lm-weight", 0.3, "--max-steps", 6]
    runs = {name: tmp_path / name for name in ("whole", "parts", "processes", "control")}
    assert finetune(*arguments, "--output", runs["whole"]) == 0
    assert finetune(*arguments, "--output", runs["parts"], "--accumulate", 3) == 0
    assert finetune(*arguments, "--output", runs["control"], "--masked-lm-weight", 0.2) == 0
    run_in_processes("train_finetune", [*arguments, "--output", runs["processes"]], 2)
    whole, *others = (load_checkpoint(run, BertForCloze).state_dict() for run in runs.values())
    for other in others[:2]:
        for name, weight in whole.items():
            torch.testing.assert_close(weight, other[name], rtol=1e-4, atol=2e-5)
    assert not all(torch.allclose(weight, others[2][name], rtol=1e-4, atol=2e-5) for name, weight in whole.items())


def without_the_end_of(run, copy):
    """Copies a run that has kept all states, as it was before its last update's, when it had no model yet."""
    shutil.copytree(run, copy)
    for path in (copy / "training_state").glob(f"{newest_state(copy / 'training_state')[0].name[:13]}*"):
        shutil.rmtree(path)  # the end saves its state twice
    for name in ("model.safetensors", "report.json"):
        (copy / name).unlink()


def test_a_stopped_run_goes_on_bit_for_bit(given, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(state, "KEPT", 9)
    rarely = ["--checkpoint-every", 20, "--eval-every", 100]  # an epoch has 15 updates
    arguments = [*given, *rarely, "--dropout", 0.1, "--epochs", 2, "--unlabelled", folder / "unlabelled.txt"]
    expected, run = tmp_path / "whole", tmp_path / "stopped"
    assert finetune(*arguments, "--output", expected) == 0
    without_the_end_of(expected, run)
    assert newest_state(run / "training_state")[1]["progress"]["step"] == 20
    assert finetune("--output", run, "--resume") == 0
    assert same_bytes(expected, run)
    assert report_of(expected)["dev"] == report_of(run)["dev"]


def test_a_run_goes_on_as_a_cloze_of_other_labels_or_as_a_classifier(given, folder, tmp_path):
    first, other, classifier = (tmp_path / name for name in ("first", "other", "classifier"))
    assert finetune(*given, "--max-steps", 2, "--output", first) == 0
    (tmp_path / "p.toml").write_text(SHORT.replace("dry = ", "damp = ['river']\ndry = "))
    more = ["--checkpoint", first, "--patterns", tmp_path / "p.toml", "--max-steps", 2]
    assert finetune(*given, *more, "--output", other) == 0
    assert report_of(other)["labels"] == ["wet", "damp", "dry"]
    as_classifier = ["--problem", "single-label", "--checkpoint", first, "--fresh", "pooler", "--max-steps", 2]
    files = ["--train", folder / "train.tsv", "--dev", folder / "dev.tsv", *SMALL_RUN]
    assert finetune(*files, *as_classifier, "--output", classifier) == 0
    assert load_checkpoint(classifier, BertForSequenceClassification).labels == ("dry", "wet")


def test_misuse_is_one_sentence_and_leaves_nothing(given, folder, tmp_path, capsys):
    other = ["--output", tmp_path / "other"]

    def error(*arguments):
        return error_of(capsys, *given, *arguments, *other)

    def error_with(text):
        (tmp_path / "p.toml").write_text(text)
        return error("--patterns", tmp_path / "p.toml")

    assert "train_pretrain.py --checkpoint DIR --fresh mlm" in error("--checkpoint", folder / "no-head")
    assert "pattern 1, '{text} it was': has no blank" in error_with(SHORT.replace(" [MASK].", ""))
    assert "p.toml: words of dry: '[CLS]' has the special token [CLS]" in error_with(SHORT.replace('"dry"', '"[CLS]"'))
    message = error_with(SHORT.replace("dry =", "cold ="))
    assert "train.tsv: line 2: the label 'dry'" in message or "the label 'dry' is not one of" in message
    assert "give each label its words in" in message
    assert "--max-length 6 leaves no room for a text" in error("--max-length", 6)
    assert "has single texts, and its patterns have {text_pair}" in error_with(
        SHORT.replace("{text}", "{text} {text_pair}")
    )
    assert "--fresh head: this task has no head of its own" in error("--fresh", "head")
    assert "--masked-lm-weight is about unlabelled texts" in error("--masked-lm-weight", 0.1)
    assert "--zero-shot trains nothing, so --epochs is idle" in error("--zero-shot")
    assert "--class-weights: it would change nothing" in error("--class-weights", "balanced")
    assert "unlabelled.csv: no such file" in error("--unlabelled", tmp_path / "unlabelled.csv")
    without = [flag for flag in given if flag not in ("--patterns", folder / "short.toml")]
    assert "--problem cloze needs patterns" in error_of(capsys, *without, *other)
    message = error("--problem", "single-label")
    assert "--patterns: it would change nothing in this kind of task" in message
    assert message.endswith("leave it out, or give a --problem that heeds it: cloze")
    assert not (tmp_path / "other").exists()
