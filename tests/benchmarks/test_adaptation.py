"""The benchmark of adaptation: each method's command line, and a table of finished trials."""

import json
import math

import pytest
import torch

from benchmarks import adaptation
from benchmarks.finetuning import training_seconds
from bert.checkpoints.directory import save_checkpoint
from bert.config import BertConfig
from bert.model.bert import BertModel
from finetuning.settings import read_settings
from tests.bert.adaptation.runs import TOKENIZER
from tests.test_train_finetune import make_rows, write_tsv


@pytest.fixture
def flags(tmp_path, monkeypatch):
    """The flags of a small benchmark, on a checkpoint and data that are written to tmp_path."""
    torch.manual_seed(5)
    config = BertConfig(TOKENIZER.vocab_size, 24, 1, 2, 32, max_position_embeddings=40, initializer_range=0.2)
    save_checkpoint(tmp_path / "checkpoint", BertModel(config), TOKENIZER)
    folder = tmp_path / "glue" / "SST-2"
    folder.mkdir(parents=True)
    for name, seed in (("train", 1), ("dev", 2)):
        rows = [(text, int(label == "wet")) for text, label in make_rows(70, seed)]
        write_tsv(folder / f"{name}.tsv", rows, ("sentence", "label"))
    monkeypatch.setenv("BERT_DATA", str(tmp_path))
    monkeypatch.setattr(adaptation, "in_a_process_of_its_own", lambda function, trial: function(trial))
    return ["--checkpoint", str(tmp_path / "checkpoint"), "--seeds", "2", "--max-steps", "2", "--max-length", "24",
            "--json", str(tmp_path / "rows.json")]  # fmt: skip


def script(arguments):
    """Stands for the script, of which it has the report and the log. The score says which method was asked for."""
    given = dict(zip(arguments[::2], arguments[1::2]))
    run = adaptation.Path(given["--output"])
    run.mkdir()
    score = {None: 0.9, "lora": 0.8}.get(given.get("--adapt"), 0.7) + 0.01 * int(given["--seed"])
    report = {"dev": {"accuracy": score}, "trained_parameters": 1_234, "saved_bytes": 5_000_000}
    (run / "report.json").write_text(json.dumps(report))
    (run / "log.jsonl").write_text(json.dumps({"step": 1, "tokens": 300, "tokens_per_second": 60}) + "\n")
    return 0


def test_each_method_has_a_line_and_finished_trials_are_kept(flags, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(adaptation.train_finetune, "main", script)
    adaptation.main(flags)
    lines = capsys.readouterr().out.splitlines()[-len(adaptation.METHODS) :]
    assert [line[:20].strip() for line in lines] == list(adaptation.METHODS)
    assert lines[0].split()[1:] == ["2", "0.9050", "±", "0.0071", "1,234", "5.000", "5.0", lines[0].split()[-1]]
    assert " 0.8050 ± 0.0071 " in lines[2]
    rows = json.loads((tmp_path / "rows.json").read_text())
    assert len(rows) == 2 * len(adaptation.METHODS)
    regressions = [row for row in rows if row["method"] == adaptation.REGRESSION]
    assert all(row["trained_parameters"] == 25 and 0.5 < row["score"] <= 1 for row in regressions)
    monkeypatch.setattr(adaptation, "in_a_process_of_its_own", lambda *given: pytest.fail("measured again"))
    adaptation.main(flags)
    assert capsys.readouterr().out.splitlines()[-len(lines) :] == lines


def test_full_fine_tuning_is_the_script_itself(flags, capsys):
    adaptation.main(["--methods", "full", "--task", "sst2", *flags[:2], "--seeds", "1", *flags[4:]])
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.startswith("full")
    assert 0 <= float(line.split()[2]) <= 1


@pytest.mark.parametrize("task", adaptation.TASKS)
def test_a_command_line_names_the_tasks_files_and_the_methods_flags(task, tmp_path):
    trial = adaptation.Trial(task, "Houlsby 64", 3, "body", 1, None, 128, 0.5, "cpu", "fp32")
    flags = adaptation.flags_of(trial, tmp_path, tmp_path / "run")
    assert str(tmp_path / adaptation.TASKS[task].flags[-1]) in flags
    assert flags[-6:] == ["--adapt", "houlsby", "--bottleneck", "64", "--learning-rate", "0.5"]
    assert "--max-steps" not in flags


@pytest.mark.parametrize("task", adaptation.TASKS)
def test_the_script_heeds_every_methods_flags(task, tmp_path):
    for method in adaptation.METHODS.keys() - {adaptation.REGRESSION}:
        if method in adaptation.OF_LABELS and not adaptation.TASKS[task].has_labels:
            continue
        trial = adaptation.Trial(task, method, 3, "body", 1, 200, 128, None, "cpu", "fp32")
        settings = read_settings(adaptation.flags_of(trial, tmp_path, tmp_path / "run"))
        assert (settings.adapt is None) == (method == "full")
        assert settings.learning_rate != type(settings).learning_rate


def test_regression_sees_as_many_texts_as_the_updates_do():
    texts = [adaptation.Example(line, f"text {line}", None, "0") for line in range(100)]
    assert len(adaptation.draw(texts, 64, 0)) == len(set(adaptation.draw(texts, 64, 0))) == 64
    assert adaptation.draw(texts, 64, 0) != adaptation.draw(texts, 64, 1)
    assert set(adaptation.draw(texts, 200, 0)) == set(texts)


def test_tasks_without_a_label_for_each_text_have_no_regression(monkeypatch, capsys):
    monkeypatch.setenv("BERT_DATA", "data")
    with pytest.raises(SystemExit):
        adaptation.main(["--task", "xquad", "--methods", adaptation.REGRESSION, "--checkpoint", "body"])
    assert "none of these methods fits" in capsys.readouterr().err


def test_seconds_of_training_are_tokens_over_their_rate():
    log = [
        {"tokens": 300, "tokens_per_second": 60},
        {"dev_accuracy": 0.5},
        {"tokens": 400, "tokens_per_second": 200},
    ]
    assert math.isclose(training_seconds(log), 5.5)
