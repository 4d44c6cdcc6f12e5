"""A classifier that learns from other runs: the teachers' mean, a whole run, and its misuse."""

import json
import shutil

import numpy as np
import pytest
import torch

from bert.__main__ import main as bert_command
from bert.adaptation.lora import Lora
from bert.checkpoints.directory import load_checkpoint
from bert.errors import InputError
from bert.heads.classification import BertForSequenceClassification
from bert.tasks.classification.read import Example
from bert.training import state
from bert.training.state_reading import newest_state
from finetuning.teachers import read_teachers, teacher_logits
from tests.bert.adaptation.runs import TEXTS, write_body, write_run
from tests.finetuning.test_cloze_runs import folder, given, without_the_end_of  # noqa: F401 (fixtures)
from tests.test_train_finetune import SMALL_RUN, error_of, finetune, make_rows, report_of, same_bytes

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def teachers(folder, given, tmp_path_factory):  # noqa: F811
    """A cloze run, and a classifier with the labels in another order."""
    runs = tmp_path_factory.mktemp("teachers")
    assert finetune(*given, "--epochs", 8, "--output", runs / "cloze") == 0
    files = [folder / "checkpoint", "--train", folder / "train.tsv", "--dev", folder / "dev.tsv"]
    assert finetune("--checkpoint", *files, *SMALL_RUN, "--epochs", 8, "--output", runs / "classifier") == 0
    return [runs / "cloze", runs / "classifier"]


def predicted(run, path, capsys) -> dict[str, np.ndarray]:
    """The logarithm of each label's probability, as predict has it."""
    capsys.readouterr()
    assert bert_command(["predict", str(run), str(path), "--device", "cpu", "--no-text"]) == 0
    header, *rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    columns = np.array([list(map(float, row[1:])) for row in rows])
    return {name: np.log(columns[:, number]) for number, name in enumerate(header[1:])}


def test_scores_are_the_weighted_mean_of_what_the_teachers_predict(teachers, tmp_path, capsys):
    texts = [text for text, _ in make_rows(30, 4)]
    (tmp_path / "u.txt").write_text("".join(f"{text}\n" for text in texts))
    examples = [Example(number, text, None, None) for number, text in enumerate(texts, start=1)]
    found = teacher_logits(read_teachers([f"{teachers[0]}=3", f"{teachers[1]}=1"]), examples, "u.txt", CPU)
    logs = [predicted(run, tmp_path / "u.txt", capsys) for run in teachers]
    distance = {name: 0.75 * logs[0][name] + 0.25 * logs[1][name] for name in ("p(wet)", "p(dry)")}
    np.testing.assert_allclose(found[:, 0] - found[:, 1], distance["p(wet)"] - distance["p(dry)"], rtol=0.02, atol=0.02)


def test_a_classifier_learns_what_its_teachers_know(teachers, folder, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setattr(state, "KEPT", 9)
    (tmp_path / "u.txt").write_text("".join(f"{text}\n" for text, _ in make_rows(120, 7)))
    flags = ["--distil-from", *teachers, "--unlabelled", tmp_path / "u.txt", "--dev", folder / "dev.tsv"]
    flags += ["--checkpoint", folder / "checkpoint", *SMALL_RUN, "--epochs", 8]
    run = tmp_path / "run"
    assert finetune(*flags, "--output", run) == 0
    report = report_of(run)
    assert report["dev"]["accuracy"] > 0.9
    assert report["labels"] == ["wet", "dry"]
    assert report["examples"] == {"train": 120, "dev": 60}
    model = load_checkpoint(run, BertForSequenceClassification)
    assert (model.labels, model.temperature) == (("wet", "dry"), 1.0)
    assert "distillation_loss" in (run / "log.jsonl").read_text()
    # Another teacher makes another run, and the same one goes on bit for bit.
    short, cut = tmp_path / "short", tmp_path / "cut"
    rarely = ["--checkpoint-every", 10, "--eval-every", 100]
    assert finetune(*flags, *rarely, "--output", short, "--max-steps", 20) == 0
    without_the_end_of(short, cut)
    assert newest_state(cut / "training_state")[1]["progress"]["step"] == 10
    assert finetune("--output", cut, "--resume") == 0
    assert same_bytes(short, cut)
    other = json.loads((cut / "arguments.json").read_text()) | {"distil_from": [str(teachers[1])]}
    (cut / "arguments.json").write_text(json.dumps(other))
    assert finetune("--output", cut, "--resume") == 2


def test_misuse_is_one_sentence(teachers, folder, tmp_path, capsys):  # noqa: F811
    (tmp_path / "u.txt").write_text("a river\n")
    other = ["--output", tmp_path / "other", "--checkpoint", folder / "checkpoint", "--max-length", 20]
    flags = ["--distil-from", teachers[0], "--unlabelled", tmp_path / "u.txt", "--dev", folder / "dev.tsv"]

    def error(*arguments):
        return error_of(capsys, *arguments, *other)

    assert "--distil-from needs texts for the teachers" in error("--distil-from", teachers[0], "--dev", "d.tsv")
    assert "leave --train out" in error(*flags, "--train", folder / "train.tsv")
    assert "--temperature is about teachers" in error("--train", folder / "train.tsv", "--temperature", 2)
    assert "--unlabelled texts need --problem cloze" in error("--train", folder / "train.tsv", *flags[2:])
    assert "is no run that predicts classes" in error(*flags, "--distil-from", folder / "checkpoint")
    assert "nowhere: no such directory" in error(*flags, "--distil-from", tmp_path / "nowhere")
    assert "weights from 0 were expected" in error("--distil-from", f"{teachers[0]}=-1", *flags[2:])
    assert "--distil-from: it would change nothing" in error(*flags, "--problem", "regression")
    shutil.copytree(teachers[1], tmp_path / "pairs")
    task = json.loads((teachers[1] / "task.json").read_text())
    task["columns"]["text_pair"] = "second"
    (tmp_path / "pairs" / "task.json").write_text(json.dumps(task))
    message = error("--distil-from", tmp_path / "pairs", *flags[2:])
    assert "u.txt: holds single texts, and the teacher" in message
    assert "was trained on pairs" in message
    assert not (tmp_path / "other").exists()


def test_the_labels_are_the_teachers_whatever_the_dev_set_has(teachers, given, folder, tmp_path, capsys):  # noqa: F811
    (tmp_path / "p.toml").write_text((folder / "short.toml").read_text() + 'icy = ["stone"]\n')
    third = tmp_path / "third"
    assert finetune(*given, "--patterns", tmp_path / "p.toml", "--max-steps", 1, "--output", third) == 0
    with pytest.raises(InputError, match=r"third predicts wet, dry, icy, and .*cloze predicts wet, dry"):
        read_teachers([str(teachers[0]), str(third)])
    flags = ["--distil-from", third, "--unlabelled", folder / "unlabelled.txt", "--dev", folder / "dev.tsv"]
    flags += ["--checkpoint", folder / "checkpoint", "--max-length", 20, "--output", tmp_path / "other"]
    assert "--metric f1: of this task, accuracy, macro_f1" in error_of(capsys, *flags, "--metric", "f1")


def test_an_adapted_run_teaches_as_its_merged_model_does(tmp_path):
    run = write_run(tmp_path / "run", write_body(tmp_path / "body"), Lora(3))
    assert bert_command(["merge", str(run), str(tmp_path / "merged")]) == 0
    examples = [Example(number, text, None, None) for number, text in enumerate(TEXTS, start=1)]
    teachers = [read_teachers([str(each)]) for each in (run, tmp_path / "merged")]
    assert teachers[0][0].labels == teachers[1][0].labels == ("bad", "fair", "good")
    found = [teacher_logits(each, examples, "u.txt", CPU) for each in teachers]
    np.testing.assert_allclose(*found, atol=1e-5)
    before = teachers[0][0].weights
    config = json.loads((run / "adapter_config.json").read_text())
    (run / "adapter_config.json").write_text(json.dumps(config | {"lora_alpha": 5}))
    assert read_teachers([str(run)])[0].weights != before


def test_an_adapted_run_is_no_checkpoint_to_start_from(tmp_path, capsys):
    run = write_run(tmp_path / "run", write_body(tmp_path / "body"), Lora(3))
    for task in ([], ["--train", tmp_path / "missing.tsv"]):
        message = error_of(capsys, "--checkpoint", run, *task, "--output", tmp_path / "new")
        assert f"python -m bert merge {run} OUT" in message
