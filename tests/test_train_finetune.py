"""train_finetune.py as its user runs it: from a checkpoint and a table to a report, killed and resumed, misused."""

import csv
import itertools
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import finetuning.reading
import train_finetune
from bert.__main__ import main as bert_command
from bert.checkpoints.directory import load_checkpoint, load_config, save_checkpoint
from bert.config import BertConfig
from bert.files.whole import lock_directory
from bert.heads.classification import BertForSequenceClassification
from bert.heads.pretraining import BertForPreTraining
from bert.heads.spans import BertForQuestionAnswering
from bert.heads.tagging import BertForTokenClassification
from bert.tasks.batches import TaskBatches
from bert.tasks.classification.read import Example
from bert.tasks.classification.task import ClassificationTask
from bert.tokenization.wordpiece import WordPieceTokenizer
from bert.training.reporting import read_log
from bert.training.state_reading import newest_state
from tests.conftest import WORDS, pictures_are_drawn, weights_of
from tests.processes import all_ends, interrupted, run_in_processes

ROOT = Path(__file__).parent.parent
CONFIG = BertConfig(
    vocab_size=5 + len(WORDS), hidden_size=24, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
    max_position_embeddings=40, initializer_range=0.2,
)  # fmt: skip
SMALL_RUN = [
    "--epochs", "2", "--batch-size", "8", "--max-length", "16", "--learning-rate", "3e-3", "--report-every", "2",
    "--device", "cpu", "--precision", "fp32",
]  # fmt: skip


def finetune(*arguments) -> int:
    return train_finetune.main([str(argument) for argument in arguments])


def command(*arguments, processes=1) -> list[str]:
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}"] if processes > 1 else []
    return [sys.executable, *launcher, str(ROOT / "train_finetune.py"), *map(str, arguments)]


def environment() -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


def make_rows(count, seed):
    """Texts of random words, and whether "river" comes among them: (text, label)."""
    generator = random.Random(seed)
    others = [word for word in WORDS if word != "river"]
    rows = []
    for _ in range(count):
        words, label = generator.choices(others, k=generator.randint(3, 9)), generator.random() < 0.5
        if label:
            words[generator.randrange(len(words))] = "river"
        rows.append((" ".join(words), "wet" if label else "dry"))
    return rows


def write_tsv(path, rows, header=("text", "label")):
    path.write_text("".join("\t".join(map(str, row)) + "\n" for row in ([header] if header else []) + list(rows)))
    return path


def report_of(run) -> dict:
    return json.loads((run / "report.json").read_text())


def same_bytes(a, b) -> bool:
    return weights_of(a) == weights_of(b)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A pretrained checkpoint (untrained, in truth), and training and dev tables."""
    folder = tmp_path_factory.mktemp("finetune")
    torch.manual_seed(5)  # no random start of the runs below
    tokenizer = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS])
    save_checkpoint(folder / "checkpoint", BertForPreTraining(CONFIG), tokenizer)
    write_tsv(folder / "train.tsv", make_rows(160, 1))
    write_tsv(folder / "dev.tsv", make_rows(60, 2))
    return folder


@pytest.fixture(scope="module")
def given(folder):
    """The flags that name the fixture's files."""
    return ["--checkpoint", folder / "checkpoint", "--train", folder / "train.tsv", "--dev", folder / "dev.tsv"]


@pytest.fixture(scope="module")
def finished(folder, given):
    """A finished run."""
    with pictures_are_drawn():
        assert finetune(*given, "--output", folder / "run", *SMALL_RUN, "--epochs", 8) == 0
    return folder / "run"


# ---- what a run makes ----


def test_it_learns_and_says_so_in_its_report(finished):
    report = report_of(finished)
    assert report["dev"]["accuracy"] > 0.9
    assert report["dev"]["accuracy"] == max(
        line["dev_accuracy"] for line in read_log(finished / "log.jsonl") if "dev_accuracy" in line
    )
    assert report["labels"] == ["dry", "wet"]
    assert report["examples"] == {"train": 160, "dev": 60}


def test_the_predictions_are_those_that_the_report_measures(finished, folder):
    with open(finished / "predictions.tsv", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert [row["label"] for row in rows] == [label for _, label in make_rows(60, 2)]
    assert [int(row["line"]) for row in rows] == list(range(2, 62))
    right = sum(row["label"] == row["prediction"] for row in rows) / len(rows)
    assert right == pytest.approx(report_of(finished)["dev"]["accuracy"])
    for row in rows:
        assert float(row["p(dry)"]) + float(row["p(wet)"]) == pytest.approx(1, abs=1e-5)
        assert (float(row["p(wet)"]) > 0.5) == (row["prediction"] == "wet")


def test_the_report_is_one_page_with_curves_matrix_and_mistakes(finished):
    page = (finished / "report.html").read_text()
    for part in ("Confusion matrix (dev)", "Most confidently wrong (dev)", "By class (dev)", "weighted avg"):
        assert part in page
    assert page.count("data:image/png;base64,") == 2
    assert "On 60 dev examples the model has accuracy" in page


def test_the_log_has_training_dev_and_the_pace(finished):
    log = read_log(finished / "log.jsonl")
    assert any("classification_loss" in line and "tokens_per_second" in line for line in log)
    assert sum("dev_macro_f1" in line and "heldout_classification_loss" in line for line in log) == 8
    assert not list(finished.rglob("*.tmp"))


def test_the_baseline_stands_in_the_log_the_report_and_on_the_console(folder, given, tmp_path, capsys):
    dry, counts = [label == "dry" for _, label in make_rows(60, 2)], [label for _, label in make_rows(160, 1)]
    share = sum(dry) / 60 if counts.count("dry") >= 80 else 1 - sum(dry) / 60
    assert finetune(*given, "--output", tmp_path / "run", *SMALL_RUN, "--learning-rate", 5) == 0
    said = capsys.readouterr().out
    assert f"without a model: dev accuracy {share:.4f}, macro_f1" in said
    assert f"(baseline {share:.4f}), macro_f1" in said
    report = report_of(tmp_path / "run")
    assert report["baseline"]["dev"]["accuracy"] == pytest.approx(share)
    at_start = [line for line in read_log(tmp_path / "run" / "log.jsonl") if "majority_accuracy" in line]
    assert [(line["step"], line["majority_accuracy"]) for line in at_start] == [(0, pytest.approx(share))]
    assert {name.removeprefix("majority_") for name in at_start[0]} - {"step"} == report["dev"].keys()
    # Such a learning rate ruins the model, and the run ends with the sentence.
    assert report["warning"].startswith("This model has learned nothing of use: ")
    assert f"Note: {report['warning']}" in said
    assert f"It made {report['steps']} updates: try more --epochs" in (tmp_path / "run" / "report.html").read_text()


def test_predictions_stand_beside_their_texts_or_alone(finished, given, tmp_path):
    with open(finished / "predictions.tsv", newline="") as file:
        assert [row["text"] for row in csv.DictReader(file, delimiter="\t")] == [text for text, _ in make_rows(60, 2)]
    assert finetune(*given, "--output", tmp_path / "run", *SMALL_RUN, "--max-steps", 1, "--no-text") == 0
    first = (tmp_path / "run" / "predictions.tsv").read_text().splitlines()[0]
    assert first.split("\t") == ["set", "line", "label", "prediction", "p(dry)", "p(wet)"]


def test_the_command_line_predicts_what_the_run_predicted_without_labels_in_order(finished, tmp_path, capsys):
    rows = make_rows(60, 2)
    with open(finished / "predictions.tsv", newline="") as file:
        expected = [row["prediction"] for row in csv.DictReader(file, delimiter="\t")]
    unlabelled = write_tsv(tmp_path / "new.tsv", [(text,) for text, _ in rows], ("text",))
    plain = tmp_path / "new.txt"
    plain.write_text("".join(f"{text}\n" for text, _ in rows))
    for path in (unlabelled, plain):
        capsys.readouterr()
        assert bert_command(["predict", str(finished), str(path)]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0] == "prediction\tp(dry)\tp(wet)\ttext"
        assert [line.split("\t")[0] for line in lines[1:]] == expected
    assert bert_command(["predict", str(finished), str(plain), "--output", str(tmp_path / "out.tsv")]) == 0
    assert (tmp_path / "out.tsv").read_text().splitlines() == lines


def test_the_same_seed_is_the_same_run_and_another_is_not(given, tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        assert finetune(*given, "--output", tmp_path / name, *SMALL_RUN, "--seed", seed) == 0
    assert same_bytes(tmp_path / "a", tmp_path / "b")
    assert not same_bytes(tmp_path / "a", tmp_path / "c")


def test_the_best_epoch_is_kept_and_early_stopping_ends_the_run(given, tmp_path, capsys):
    arguments = [*SMALL_RUN, "--epochs", 50, "--learning-rate", 0.05, "--early-stopping", 2]  # soon it gets worse
    assert finetune(*given, "--output", tmp_path / "run", *arguments) == 0
    assert "Stopped early at step" in capsys.readouterr().out
    values = [line["dev_accuracy"] for line in read_log(tmp_path / "run" / "log.jsonl") if "dev_accuracy" in line]
    report = report_of(tmp_path / "run")
    assert len(values) < 50
    assert report["dev"]["accuracy"] == max(values) == values[-3]
    assert report["best_step"] == report["steps"] - 2 * 20


# ---- kinds of problems and files ----


def test_pairs_numbers_tags_and_other_files_run(folder, tmp_path):
    rows = make_rows(160, 1)
    pairs = write_tsv(tmp_path / "pairs.tsv", [(a, b, x) for (a, x), (b, _) in itertools.pairwise(rows)], None)
    numbers = tmp_path / "numbers.csv"
    with open(numbers, "w", newline="") as file:
        csv.writer(file).writerows([("text", "score")] + [(text, len(text) / 10) for text, _ in rows])
    tags = tmp_path / "tags.jsonl"
    tags.write_text("\n".join(json.dumps({"text": t, "label": sorted({x, t[:1]})}) for t, x in rows))
    base = ["--checkpoint", folder / "checkpoint", *SMALL_RUN]
    variants = {
        "pairs": ["--train", pairs, "--no-header", "--text-column", 1, "--text-pair-column", 2, "--label-column", 3,
                  "--class-weights", "balanced", "--optimizer", "adamw", "--layer-decay", 0.9],
        "numbers": ["--train", numbers, "--label-column", "score", "--problem", "regression", "--long-texts", "tail"],
        "tags": ["--train", tags, "--problem", "multi-label", "--reinitialize-layers", 1, "--dev", tags,
                 "--test", tags],
        "windows": ["--train", folder / "train.tsv", "--max-length", 7, "--long-texts", "windows",
                    "--class-weights", "dry=1", "wet=2.5"],
    }  # fmt: skip
    for name, arguments in variants.items():
        assert finetune(*base, *arguments, "--output", tmp_path / name) == 0, name
    assert report_of(tmp_path / "pairs")["examples"] == {"train": 144, "dev": 15}
    assert set(report_of(tmp_path / "numbers")["dev"]) == {"pearson", "spearman", "mean_squared_error"}
    tagged = report_of(tmp_path / "tags")
    assert tagged["dev"] == tagged["test"]
    assert set(tagged["labels"]) >= {"wet", "dry", "t"}
    windows = report_of(tmp_path / "windows")
    assert 0 < windows["too_long"]["train"] < 160
    assert load_checkpoint(tmp_path / "numbers", BertForSequenceClassification).problem_type == "regression"


def test_columns_of_0_and_1_become_labels_in_their_order_and_bad_rows_are_left_out(folder, tmp_path, capsys):
    table = tmp_path / "jigsaw.csv"
    with open(table, "w", newline="") as file:
        rows = [(number, text, int(label == "wet"), 0, int("the" in text)) for number, (text, label)
                in enumerate(make_rows(60, 3))]  # fmt: skip
        csv.writer(file).writerows([("id", "comment_text", "wet", "never", "article"), *rows, (60, "", 1, 0, 0),
                                    (61, "text", 1, -1, 0)])  # fmt: skip
    run = tmp_path / "run"
    flags = ["--text-column", "comment_text", "--label-column", "wet", "never", "article", "--problem", "multi-label"]
    arguments = ["--checkpoint", folder / "checkpoint", "--train", table, *flags, *SMALL_RUN, "--output", run]
    assert finetune(*arguments) == 2
    assert "2 rows are bad (line 62: the text is empty (--text-column); line 63: the label never is '-1'" in (
        capsys.readouterr().err
    )
    assert not run.exists()
    assert finetune(*arguments, "--bad-rows", "skip", "--max-steps", 4) == 0
    assert "2 rows are left out (line 62" in capsys.readouterr().out
    assert report_of(run)["labels"] == ["wet", "never", "article"]
    assert finetune("--output", run, "--resume", "--max-steps", 6) == 0
    assert bert_command(["predict", str(run), str(table), "--output", str(tmp_path / "predicted.tsv")]) == 0
    predicted = (tmp_path / "predicted.tsv").read_text().splitlines()
    assert predicted[0].split("\t") == ["prediction", "p(wet)", "p(never)", "p(article)", "text"]
    assert len(predicted) == 1 + 62  # all rows, the two also: predicting needs no label


def test_a_run_begun_with_one_label_column_as_text_is_resumed(given, tmp_path):
    run = tmp_path / "run"
    assert finetune(*given, "--label-column", "label", "--output", run, *SMALL_RUN, "--max-steps", 2) == 0
    saved = json.loads((run / "arguments.json").read_text())
    assert saved["label_column"] == ["label"]
    saved["label_column"] = "label"  # as it was until several columns could be named
    del saved["bad_rows"]
    (run / "arguments.json").write_text(json.dumps(saved))
    assert finetune("--output", run, "--resume", "--max-steps", 4) == 0


def test_a_known_task_needs_its_directory_alone(folder, tmp_path):
    (tmp_path / "SST-2").mkdir()
    for name in ("train", "dev"):
        rows = [(text, int(label == "wet")) for text, label in make_rows(40, 1)]
        write_tsv(tmp_path / "SST-2" / f"{name}.tsv", rows, ("sentence", "label"))
    arguments = ["--task", "sst2", "--data", tmp_path / "SST-2", "--checkpoint", folder / "checkpoint", *SMALL_RUN]
    assert finetune(*arguments, "--output", tmp_path / "run") == 0
    assert report_of(tmp_path / "run")["labels"] == ["0", "1"]


def test_cut_texts_are_counted_aloud(given, tmp_path, capsys):
    assert finetune(*given, "--output", tmp_path / "run", *SMALL_RUN, "--max-length", 7, "--max-steps", 2) == 0
    assert "train texts are longer than 7 tokens and are cut (head kept)" in capsys.readouterr().out


def test_several_seeds_report_mean_and_spread(given, tmp_path, capsys):
    assert finetune(*given, "--output", tmp_path / "run", *SMALL_RUN, "--seeds", 3) == 0
    values = [report_of(tmp_path / "run" / f"seed-{seed}")["dev"]["accuracy"] for seed in range(3)]
    report = report_of(tmp_path / "run")
    assert report["dev"]["accuracy"] == pytest.approx(statistics.mean(values))
    assert report["dev_spread"]["accuracy"] == pytest.approx(statistics.stdev(values))
    assert "mean of 3 seeds" in capsys.readouterr().out


def test_no_part_of_a_run_is_written_over(finished, given, tmp_path, capsys):
    for folder, flags in (("seed-1", ["--seeds", 2]), ("random-start", ["--compare"])):
        shutil.copytree(finished, tmp_path / "run" / folder)
        message = error_of(capsys, *given, "--output", tmp_path / "run", *SMALL_RUN, *flags)
        assert f"{tmp_path / 'run' / folder} holds a run already" in message
        assert same_bytes(finished, tmp_path / "run" / folder)
        assert [path.name for path in (tmp_path / "run").iterdir()] == [folder]
        shutil.rmtree(tmp_path / "run")


def test_a_model_without_its_training_state_is_not_trained_over(finished, tmp_path, capsys):
    shutil.copytree(finished, tmp_path / "run", ignore=shutil.ignore_patterns("training_state"))
    assert "no training state" in error_of(capsys, "--output", tmp_path / "run", "--resume", "--max-steps", 2)
    assert same_bytes(finished, tmp_path / "run")
    assert (finished / "log.jsonl").read_bytes() == (tmp_path / "run" / "log.jsonl").read_bytes()


def test_a_finished_run_remembers_its_last_evaluation(folder, tmp_path, monkeypatch):
    """Accuracies of 0.5, 0.9, and after the run goes on 0.7: the model of 0.9 is the best."""
    run, values = tmp_path / "run", iter([0.5, 0.9, 0.9, 0.7, 0.7, 0.7])
    evaluate = ClassificationTask.evaluate

    def scripted(*arguments, **how):
        evaluation = evaluate(*arguments, **how)
        return replace(evaluation, metrics=evaluation.metrics | {"accuracy": next(values)})

    monkeypatch.setattr(ClassificationTask, "evaluate", scripted)
    flags = ["--checkpoint", folder / "checkpoint", "--train", folder / "train.tsv", "--dev", folder / "dev.tsv"]
    assert finetune(*flags, *SMALL_RUN, "--output", run) == 0
    best = weights_of(run)
    assert finetune("--output", run, "--resume", "--epochs", 3) == 0
    assert weights_of(run) == best
    assert json.loads((run / "report.json").read_text())["best_epoch"] == 2


def test_a_checkpoint_of_one_kind_of_segments_takes_no_pairs(folder, tmp_path, capsys):
    one = BertForPreTraining(CONFIG.replace(type_vocab_size=1))
    save_checkpoint(tmp_path / "one", one, WordPieceTokenizer.from_file(folder / "checkpoint" / "vocab.txt"))
    rows = [(text, text, label) for text, label in make_rows(40, 1)]
    train = write_tsv(tmp_path / "pairs.tsv", rows, ("text", "other", "label"))
    flags = ["--checkpoint", tmp_path / "one", "--train", train, *SMALL_RUN, "--output", tmp_path / "run"]
    assert "type_vocab_size" in error_of(capsys, *flags, "--text-pair-column", "other")
    assert finetune(*flags, "--max-steps", 1) == 0
    predict = ["predict", str(tmp_path / "run"), str(train), "--text-pair-column", "other"]
    assert bert_command(predict) == 2
    assert "1 kind of segments" in capsys.readouterr().err
    documents = [{"sentences": ["the king"] * (1 + (number > 30)), "summary": [0]} for number in range(40)]
    (tmp_path / "s.jsonl").write_text("".join(json.dumps(document) + "\n" for document in documents))
    flags = ["--checkpoint", tmp_path / "one", "--problem", "summary", "--train", tmp_path / "s.jsonl", *SMALL_RUN]
    assert "type_vocab_size" in error_of(capsys, *flags, "--output", tmp_path / "summaries")


def test_a_model_of_pairs_takes_no_single_texts(folder, tmp_path, capsys):
    rows = [(text, text, label) for text, label in make_rows(40, 1)]
    train = write_tsv(tmp_path / "pairs.tsv", rows, ("text", "other", "label"))
    flags = ["--checkpoint", folder / "checkpoint", "--train", train, "--text-pair-column", "other", *SMALL_RUN]
    assert finetune(*flags, "--max-steps", 1, "--output", tmp_path / "run") == 0
    (tmp_path / "a.txt").write_text("the king\n")
    assert bert_command(["predict", str(tmp_path / "run"), str(tmp_path / "a.txt")]) == 2
    assert "was trained on pairs" in capsys.readouterr().err
    assert bert_command(["embed", str(tmp_path / "run"), str(tmp_path / "a.txt"), str(tmp_path / "a.npy")]) == 0


def test_a_label_may_begin_with_a_dash(folder, tmp_path):
    rows = [(text, {"wet": "1", "dry": "-1"}[label]) for text, label in make_rows(40, 1)]
    train, run = write_tsv(tmp_path / "train.tsv", rows), tmp_path / "run"
    flags = ["--checkpoint", folder / "checkpoint", "--train", train, *SMALL_RUN, "--output", run, "--max-steps", 1]
    assert finetune(*flags, "--class-weights=-1=2", "--class-weights", "1=1") == 0
    assert finetune("--output", run, "--resume", "--max-steps", 2) == 0


def test_other_training_data_are_another_run(given, folder, tmp_path, capsys):
    rows = make_rows(160, 1)
    train, run = write_tsv(tmp_path / "train.tsv", rows), tmp_path / "run"
    flags = ["--checkpoint", folder / "checkpoint", "--train", train, "--dev", folder / "dev.tsv", *SMALL_RUN]
    assert finetune(*flags, "--output", run, "--max-steps", 2) == 0
    write_tsv(train, [(text, {"wet": "dry", "dry": "wet"}[label]) for text, label in rows])
    assert "other training examples" in error_of(capsys, "--output", run, "--resume", "--max-steps", 4)
    write_tsv(train, rows)
    dev = write_tsv(tmp_path / "dev.tsv", make_rows(20, 3))
    assert finetune("--output", run, "--resume", "--max-steps", 4) == 0
    run, flags = tmp_path / "other", [*flags[: -len(SMALL_RUN) - 1], dev, *SMALL_RUN]
    assert finetune(*flags, "--output", run, "--max-steps", 2) == 0
    write_tsv(dev, make_rows(20, 4))
    assert "other dev examples" in error_of(capsys, "--output", run, "--resume", "--max-steps", 4)


def test_another_vocabulary_makes_another_run(given, folder, tmp_path, capsys):
    shutil.copytree(folder / "checkpoint", tmp_path / "checkpoint")
    flags = [*given, "--checkpoint", tmp_path / "checkpoint", *SMALL_RUN, "--output", tmp_path / "run"]
    assert finetune(*flags, "--max-steps", 2) == 0
    (tmp_path / "checkpoint" / "tokenizer.json").unlink()  # which has the pieces, too
    vocabulary = (tmp_path / "checkpoint" / "vocab.txt").read_text().split()
    (tmp_path / "checkpoint" / "vocab.txt").write_text("\n".join([*vocabulary[:5], *reversed(vocabulary[5:])]) + "\n")
    assert "other vocabulary" in error_of(capsys, "--output", tmp_path / "run", "--resume", "--max-steps", 4)


def test_the_best_model_is_never_newer_than_the_state_that_calls_it_so(given, tmp_path):
    run = tmp_path / "run"
    line = command(*given, "--output", run, *SMALL_RUN, "--epochs", 30, "--eval-every", 3, "--checkpoint-every", 10_000)
    with subprocess.Popen(line, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        for said in process.stdout:
            if said.startswith("step 9, dev"):
                process.send_signal(signal.SIGKILL)
                break
        assert process.wait(60) == -signal.SIGKILL
    best = newest_state(run / "training_state")[1]["best"]
    assert best["step"] > 0
    assert finetune("--output", run, "--resume", "--max-steps", 10, "--learning-rate", 1e-9) == 0
    report = report_of(run)
    accuracies = {line["step"]: line["dev_accuracy"] for line in read_log(run / "log.jsonl") if "dev_accuracy" in line}
    assert report["dev"]["accuracy"] == accuracies[report["best_step"]] == max(accuracies.values())
    assert report["best_epoch"] == report["best_step"] / 20  # of 160 examples in batches of 8


def test_behind_a_closed_pipe_it_trains_to_the_end(given, tmp_path):
    line = command(*given, "--output", tmp_path / "run", *SMALL_RUN)
    reading, writing = os.pipe()
    with subprocess.Popen(line, env=environment(), stdout=writing, stderr=subprocess.PIPE, text=True) as process:
        os.close(writing)
        os.close(reading)
        assert process.communicate(timeout=120)[1] == ""
        assert process.returncode == 0
    assert report_of(tmp_path / "run")["dev"]


def test_two_processes_are_not_at_work_in_one_run(finished, tmp_path, capsys):
    shutil.copytree(finished, tmp_path / "run")
    before = {path: path.read_bytes() for path in (tmp_path / "run").iterdir() if path.is_file()}
    with lock_directory(tmp_path / "run"):
        message = error_of(capsys, "--output", tmp_path / "run", "--resume", "--max-steps", 200, "--learning-rate", 1)
    assert "another process is at work there" in message
    assert before == {path: path.read_bytes() for path in (tmp_path / "run").iterdir() if path.is_file()}
    assert finetune("--output", tmp_path / "run", "--resume") == 0


def test_the_built_in_task_shows_a_random_start_beside_the_pretrained_one(folder, tmp_path, monkeypatch, capsys):
    sets = [[Example(number, text, None, label) for number, (text, label) in enumerate(make_rows(60, seed))]
            for seed in (1, 2)]  # fmt: skip
    monkeypatch.setattr(finetuning.reading, "read_named_python_docs", lambda workers: None)
    monkeypatch.setattr(finetuning.reading, "library_examples", lambda documents: tuple(sets))
    arguments = ["--checkpoint", folder / "checkpoint", "--output", tmp_path / "run", "--max-length", 16]
    assert finetune(*arguments, "--max-steps", 4, "--batch-size", 8) == 0
    printed = capsys.readouterr().out
    assert "pretrained start, dev: accuracy" in printed
    assert "random start, dev: accuracy" in printed
    report = report_of(tmp_path / "run")
    assert report["random_start"]["dev"] == report_of(tmp_path / "run" / "random-start")["dev"]
    assert report["start"] == "pretrained"
    assert not same_bytes(tmp_path / "run", tmp_path / "run" / "random-start")


def test_dropout_is_the_checkpoints_or_what_is_asked_for_in_both_starts(folder, given, tmp_path):
    arguments = [*given, *SMALL_RUN, "--max-steps", 1, "--checkpoint", folder / "checkpoint", "--compare"]
    own = load_config(folder / "checkpoint")
    for name, asked in (("own", []), ("more", ["--dropout", 0.35])):
        assert finetune(*arguments, *asked, "--output", tmp_path / name) == 0
        for run in (tmp_path / name, tmp_path / name / "random-start"):
            dropout = 0.35 if asked else own.hidden_dropout_prob
            expected = replace(own, hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout)
            assert load_config(run) == expected != (own if asked else None)


def test_a_fine_tuned_model_goes_on_with_its_head_or_with_a_fresh_one(finished, given, tmp_path, capsys):
    arguments = [*given, *SMALL_RUN, "--max-steps", 1, "--learning-rate", 1e-9, "--checkpoint", finished]
    assert finetune(*arguments, "--output", tmp_path / "on") == 0
    assert "it goes on from there" in capsys.readouterr().out
    assert report_of(tmp_path / "on")["dev"]["accuracy"] == report_of(finished)["dev"]["accuracy"]
    assert finetune(*arguments, "--output", tmp_path / "fresh", "--fresh", "head") == 0
    heads = [
        load_checkpoint(run, BertForSequenceClassification).classifier.weight
        for run in (finished, tmp_path / "on", tmp_path / "fresh")
    ]
    torch.testing.assert_close(heads[0], heads[1], rtol=0, atol=1e-6)
    assert (heads[0] - heads[2]).abs().max() > 1e-3


# ---- parts, processes, interruptions ----


def test_processes_and_micro_batches_change_nothing_but_rounding(given, folder, tmp_path):
    config = folder / "no-dropout"
    model = load_checkpoint(folder / "checkpoint", BertForPreTraining)
    model.config = CONFIG.replace(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    tokenizer = WordPieceTokenizer.from_file(folder / "checkpoint" / "vocab.txt")
    save_checkpoint(config, model, tokenizer)
    arguments = [*given, *SMALL_RUN, "--checkpoint", config, "--max-steps", 6, "--eval-every", 3, "--class-weights",
                 "dry=1", "wet=2", "--max-length", 12]  # fmt: skip
    runs = {name: tmp_path / name for name in ("whole", "parts", "processes", "control")}
    assert finetune(*arguments, "--output", runs["whole"]) == 0
    assert finetune(*arguments, "--output", runs["parts"], "--accumulate", 3) == 0
    assert finetune(*arguments, "--output", runs["control"], "--batch-size", 7) == 0
    run_in_processes("train_finetune", [*arguments, "--output", runs["processes"]], 2)
    whole, *others = (load_checkpoint(run, BertForSequenceClassification).state_dict() for run in runs.values())
    for other in others[:2]:
        for name, weight in whole.items():
            torch.testing.assert_close(weight, other[name], rtol=1e-4, atol=2e-5)
    assert not all(torch.allclose(weight, others[2][name], rtol=1e-4, atol=2e-5) for name, weight in whole.items())
    assert report_of(runs["processes"])["dev"] == pytest.approx(report_of(runs["whole"])["dev"])
    assert len((runs["processes"] / "predictions.tsv").read_text().splitlines()) == 61


SCRIPTED_METRICS = """
import os
import sys
from dataclasses import replace
import train_finetune
from bert.tasks.classification.task import ClassificationTask

evaluate, values = ClassificationTask.evaluate, iter({metrics}[int(os.environ["RANK"])])


def scripted(*arguments, **how):
    evaluation = evaluate(*arguments, **how)
    return replace(evaluation, metrics=evaluation.metrics | {{"accuracy": next(values, 0.0)}})


ClassificationTask.evaluate = scripted
sys.exit(train_finetune.main(sys.argv[1:]))
"""


def test_the_main_process_decides_which_epoch_is_the_best_and_when_to_stop(given, tmp_path):
    """Alone, the second process would take the fifth evaluation for the best, and stop at none of the first five."""
    metrics = [[0.5, 0.7, 0.6, 0.6], [0.5, 0.4, 0.6, 0.7, 0.8]]
    arguments = [*SMALL_RUN, "--early-stopping", 2, "--max-steps", 12, "--eval-every", 2, "--checkpoint-every", 4]
    line = ["train_finetune.py", *map(str, given), "--output", str(tmp_path / "run"), *map(str, arguments)]
    (code, said, errors), (other, _, errors_of_other) = all_ends(SCRIPTED_METRICS.format(metrics=metrics), line, 2)
    assert (code, other) == (0, 0), errors + errors_of_other
    assert "Stopped early at step 8" in said
    report = report_of(tmp_path / "run")
    assert (report["best_step"], report["steps"]) == (4, 8)


def test_a_killed_run_goes_on_bit_for_bit(given, tmp_path):
    long_run = [*SMALL_RUN, "--epochs", 6, "--accumulate", 2, "--checkpoint-every", 7, "--layer-decay", 0.9]
    expected, run = tmp_path / "whole", tmp_path / "interrupted"
    assert finetune(*given, "--output", expected, *long_run) == 0
    code = interrupted("train_finetune", [*given, "--output", run, *long_run], run, signal.SIGKILL)
    assert code == -signal.SIGKILL
    assert 7 <= newest_state(run / "training_state")[1]["progress"]["step"] < 120
    assert not (run / "report.json").exists()
    assert finetune("--output", run, "--resume") == 0
    assert same_bytes(expected, run)
    assert report_of(expected)["dev"] == report_of(run)["dev"]
    of_time = ("tokens_per_second", "waiting_for_data", "seconds")
    logs = [read_log(each / "log.jsonl") for each in (expected, run)]
    for one, other in zip(*logs, strict=True):
        assert {**one, **dict.fromkeys(of_time)} == {**other, **dict.fromkeys(of_time)}
    states = [newest_state(each / "training_state")[0] / "__0_0.distcp" for each in (expected, run)]
    assert states[0].read_bytes() == states[1].read_bytes()


@pytest.mark.parametrize("seeds", [1, 2])
def test_a_run_killed_before_its_first_model_is_resumed(given, tmp_path, monkeypatch, seeds):
    """It dies after the first evaluation, when its state is saved and its model is not."""
    flags = [*given, *SMALL_RUN, "--max-steps", 6, "--eval-every", 3, "--seeds", seeds]
    assert finetune(*flags, "--output", tmp_path / "whole") == 0
    run = tmp_path / "run"

    def dying(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(train_finetune, "save_best_model", dying)
        assert finetune(*flags, "--output", run) == 130
    assert not (run / "report.json").exists()
    assert finetune("--output", run, "--resume") == 0
    parts = ["."] if seeds == 1 else ["seed-0", "seed-1"]
    for part in parts:
        assert same_bytes(tmp_path / "whole" / part, run / part)
        assert report_of(tmp_path / "whole" / part)["dev"] == report_of(run / part)["dev"]
    assert report_of(tmp_path / "whole")["dev"] == report_of(run)["dev"]


def test_a_better_model_is_never_beside_the_report_of_an_earlier_one(given, tmp_path, monkeypatch):
    run, write = tmp_path / "run", train_finetune.write_report
    reports = [run / "seed-0" / "report.json", run / "report.json"]  # of a seed, and of all
    assert finetune(*given, "--output", run, *SMALL_RUN, "--epochs", 1, "--seeds", 2) == 0
    assert all(report.exists() for report in reports)

    def dying(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(train_finetune, "write_report", dying)
    assert finetune("--output", run, "--resume", "--epochs", 3) == 130
    assert not any(report.exists() for report in reports)
    monkeypatch.setattr(train_finetune, "write_report", write)
    assert finetune("--output", run, "--resume") == 0
    assert all(report.exists() for report in reports)


def test_seeds_that_are_interrupted_go_on_where_they_were(given, tmp_path, monkeypatch):
    arguments = [*given, "--output", tmp_path / "run", *SMALL_RUN, "--seeds", 2]
    assert finetune(*arguments) == 0
    expected = report_of(tmp_path / "run")
    of_second = report_of(tmp_path / "run" / "seed-1")["dev"]
    for path in ((tmp_path / "run" / "report.json"), (tmp_path / "run" / "seed-1" / "arguments.json")):
        path.unlink()
    assert finetune("--output", tmp_path / "run", "--resume") == 0
    assert report_of(tmp_path / "run")["dev"] == expected["dev"]
    (tmp_path / "run" / "seed-1" / "report.json").unlink()
    assert finetune("--output", tmp_path / "run" / "seed-1", "--resume") == 0
    assert report_of(tmp_path / "run" / "seed-1")["dev"] == of_second


# ---- embedding ----


def test_texts_are_embedded_in_order(finished, tmp_path, capsys):
    texts = [text for text, _ in make_rows(9, 3)] + [""]
    (tmp_path / "a.txt").write_text("".join(f"{text}\n" for text in texts))
    output = tmp_path / "a.npy"
    assert bert_command(["embed", str(finished), str(tmp_path / "a.txt"), str(output)]) == 0
    assert "10 x 24 float32" in capsys.readouterr().out
    vectors = np.load(output)
    model = load_checkpoint(finished, BertForSequenceClassification).bert
    tokenizer = WordPieceTokenizer.from_file(finished / "vocab.txt")
    for text, vector in zip(texts, vectors, strict=True):
        with torch.no_grad():
            states = model(torch.tensor([tokenizer(text).input_ids])).last_hidden_state[0]
        np.testing.assert_allclose(vector, states.mean(dim=0), atol=1e-5)
    arguments = ["embed", str(finished), str(tmp_path / "a.txt"), str(output), "--pooling", "cls"]
    assert bert_command([*arguments, "--layers", "0", "-1"]) == 0
    layers = np.load(output)
    assert layers.shape == (10, 2, 24)
    np.testing.assert_allclose(layers[-1, 1], states[0], atol=1e-5)
    assert bert_command([*arguments, "--layers", "3"]) == 2
    assert "--layers 3" in capsys.readouterr().err


# ---- flags ----


def test_help_begins_with_the_commands_that_the_script_opens_with(capsys):
    with pytest.raises(SystemExit) as caught:
        finetune("--help")
    assert caught.value.code == 0
    assert train_finetune.__doc__.strip() in capsys.readouterr().out


# ---- misuse ----


def error_of(capsys, *arguments) -> str:
    """The one sentence that a wrong call gives, having given exit code 2 and no traceback."""
    capsys.readouterr()
    assert finetune(*arguments) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("train_finetune.py: error: ")
    return lines[0]


def test_bad_data_is_one_sentence_and_leaves_nothing(folder, tmp_path, capsys):
    good = make_rows(30, 1)
    cases = [
        ([("the king", "damp")], ["dev.tsv", "line 2", "'damp'", "dry, wet"]),
        ([(" ", "wet")], ["dev.tsv", "line 2", "empty"]),
        ([("the king",)], ["dev.tsv", "line 2", "1 field, not 2"]),
    ]
    train = write_tsv(tmp_path / "train.tsv", good)
    dev = tmp_path / "dev.tsv"
    start = ["--checkpoint", folder / "checkpoint", "--output", tmp_path / "run", *SMALL_RUN]
    for rows, parts in cases:
        write_tsv(dev, rows)
        message = error_of(capsys, *start, "--train", train, "--dev", dev)
        assert all(part in message for part in parts), message
    message = error_of(capsys, *start, "--train", train, "--label-column", "class")
    assert all(part in message for part in ("train.tsv", "'class'", "text, label", "--label-column"))
    write_tsv(train, [(text, "wet") for text, _ in good])
    assert "all 30 labels are 'wet'" in error_of(capsys, *start, "--train", train)
    write_tsv(train, good[:19])
    assert "too few to hold out" in error_of(capsys, *start, "--train", train)
    assert "no such file" in error_of(capsys, *start, "--train", tmp_path / "none.tsv")
    assert not (tmp_path / "run").exists()


def test_a_head_of_other_labels_is_refused_unless_a_fresh_one_is_asked_for(finished, tmp_path, capsys):
    three = write_tsv(tmp_path / "three.tsv", [(text, f"{label}{len(text) % 2}") for text, label in make_rows(40, 1)])
    start = ["--checkpoint", finished, "--train", three, "--output", tmp_path / "run", *SMALL_RUN]
    message = error_of(capsys, *start)
    assert all(part in message for part in ("2 labels (dry, wet)", "4 (dry0, dry1, wet0, wet1)", "--fresh head"))
    assert not (tmp_path / "run").exists()
    assert finetune(*start, "--fresh", "head") == 0
    assert len(load_checkpoint(tmp_path / "run", BertForSequenceClassification).labels) == 4


def test_a_checkpoint_without_a_pooler_is_refused_unless_a_fresh_one_is_asked_for(folder, given, tmp_path, capsys):
    tagger = load_checkpoint(folder / "checkpoint", BertForTokenClassification, fresh=("classifier",))
    save_checkpoint(tmp_path / "tagger", tagger, WordPieceTokenizer.from_file(folder / "checkpoint" / "vocab.txt"))
    start = [*given, "--checkpoint", tmp_path / "tagger", "--output", tmp_path / "run", *SMALL_RUN, "--max-steps", 1]
    message = error_of(capsys, *start)
    assert "bert.pooler.dense" in message
    assert finetune(*start, "--fresh", "pooler") == 0


def test_the_head_of_another_kind_of_task_is_not_taken_over(folder, given, tmp_path):
    tagger = load_checkpoint(folder / "checkpoint", BertForTokenClassification, fresh=("classifier",))
    torch.nn.init.constant_(tagger.classifier.weight, 5.0)  # (2, hidden_size), as that of two labels
    save_checkpoint(tmp_path / "tagger", tagger, WordPieceTokenizer.from_file(folder / "checkpoint" / "vocab.txt"))
    start = [*given, "--checkpoint", tmp_path / "tagger", "--output", tmp_path / "run", *SMALL_RUN, "--max-steps", 1]
    assert finetune(*start, "--fresh", "pooler") == 0
    weight = load_checkpoint(tmp_path / "run", BertForSequenceClassification).classifier.weight
    assert weight.shape == tagger.classifier.weight.shape
    assert weight.abs().max() < 1


def test_a_pooler_that_the_task_has_no_use_for_cannot_be_fresh(folder, tmp_path, capsys):
    tags = tmp_path / "tags.txt"
    tags.write_text("".join(f"{word} O\n{word} B-X\n\n" for word in WORDS[:8]), encoding="utf-8")
    start = ["--checkpoint", folder / "checkpoint", "--problem", "tagging", "--train", tags, "--dev", tags]
    assert "has no pooler" in error_of(capsys, *start, *SMALL_RUN, "--output", tmp_path / "run", "--fresh", "pooler")


def test_flags_that_do_not_go_together_are_refused(folder, given, finished, tmp_path, capsys):
    start = [*given, *SMALL_RUN, "--output", tmp_path / "run"]
    cases = {
        "holds a run already": [*given, *SMALL_RUN, "--output", finished],
        "nothing to resume from": ["--output", tmp_path / "run", "--resume"],
        "needs --data": ["--checkpoint", folder / "checkpoint", "--dev", folder / "dev.tsv", "--task", "sst2"],
        "40 positions": [*start, "--max-length", 41],
        "leave one of them out": [*start, "--compare", "--random-start"],
        "--metric pearson": [*start, "--metric", "pearson"],
        "has 2 layers": [*start, "--reinitialize-layers", 3],
        "given for wet, and the labels are dry, wet": [*start, "--class-weights", "wet=2"],
        "LABEL=WEIGHT": [*start, "--class-weights", "wet=heavy"],
        "cannot be shared out": [*start, "--batch-size", 2, "--accumulate", 3],
        "name the --task": ["--data", tmp_path, "--checkpoint", folder / "checkpoint"],
        "--null-threshold: it would change nothing": [*start, "--null-threshold", 1],
        "--problem is about a file": ["--problem", "tagging", "--output", tmp_path / "run"],
        "--text-column is about a file": ["--text-column", "body", "--output", tmp_path / "run"],
        "--random-start leaves every weight untrained": [*start, "--random-start", "--fresh", "head"],
        "train_pretrain.py": ["--checkpoint", tmp_path / "none", "--output", tmp_path / "run"],
        "is the column of the texts as well": [*start, "--text-column", "label"],
        "no such directory": [*given, "--checkpoint", tmp_path / "none", "--output", tmp_path / "run"],
    }
    for part, arguments in cases.items():
        assert part in error_of(capsys, *arguments), part
    assert "--learning-rate" not in error_of(capsys, "--output", finished, "--resume", "--seed", 5)
    assert not (tmp_path / "run").exists()


def test_predictions_need_a_classifier_and_a_text(folder, finished, tmp_path, capsys):
    (tmp_path / "a.txt").write_text("the king\n")
    cases = {
        "classifier": [folder / "checkpoint", tmp_path / "a.txt"],
        "no such file": [finished, tmp_path / "none.txt"],
        "has no column": [finished, folder / "dev.tsv", "--text-column", "body"],
        "at most 40": [finished, tmp_path / "a.txt", "--max-length", "41"],
        "no such directory": [tmp_path / "none", tmp_path / "a.txt"],
    }
    for part, arguments in cases.items():
        assert bert_command(["predict", *map(str, arguments), "--output", str(tmp_path / "out.tsv")]) == 2
        assert part in capsys.readouterr().err, part
    assert not (tmp_path / "out.tsv").exists()


def test_the_file_of_the_texts_is_never_written_over(finished, tmp_path, capsys):
    texts = tmp_path / "a.txt"
    texts.write_text("the king\n")
    for arguments in (["predict", finished, texts, "--output", texts], ["embed", finished, texts, texts]):
        assert bert_command([str(argument) for argument in arguments]) == 2
        assert "would be lost" in capsys.readouterr().err
    assert texts.read_text() == "the king\n"


# ---- tagging ----


@pytest.mark.parametrize("problem, by_length", [("tagging", False), ("single-label", True)])
def test_where_long_rows_have_more_labels_they_are_in_batches_with_short_ones(
    folder, given, tmp_path, monkeypatch, problem, by_length
):
    (tmp_path / "tags.txt").write_text("\n\n".join("river B-WATER" + "\nking O" * n for n in range(40)))
    examples = {"tagging": ["--train", tmp_path / "tags.txt"], "single-label": given}
    spreads = []

    class Recorded(TaskBatches):
        def _batches_of_epoch(self, epoch):
            batches = super()._batches_of_epoch(epoch)
            lengths = np.array(self.lengths)
            spreads.append(np.mean([lengths[rows].std() for rows in batches]) / lengths.std())
            return batches

    monkeypatch.setattr(train_finetune, "TaskBatches", Recorded)
    arguments = ["--problem", problem, *examples[problem], "--checkpoint", folder / "checkpoint", *SMALL_RUN]
    assert finetune(*arguments, "--max-length", 32, "--epochs", 1, "--output", tmp_path / "run") == 0
    assert spreads
    assert all((spread < 0.5) == by_length for spread in spreads)


def test_words_are_tagged(folder, tmp_path, capsys):
    def write_sentences(path, rows):
        sentences = [[f"{word} {'B-WATER' if word == 'river' else 'O'}" for word in text.split()] for text, _ in rows]
        path.write_text("\n\n".join(map("\n".join, sentences)))
        return path

    train, dev = write_sentences(tmp_path / "train.txt", make_rows(100, 1)), tmp_path / "dev.txt"
    write_sentences(dev, make_rows(30, 2))
    arguments = ["--checkpoint", folder / "checkpoint", "--problem", "tagging", "--train", train, *SMALL_RUN]
    run = tmp_path / "run"
    assert finetune(*arguments, "--dev", dev, "--output", run, "--epochs", 4, "--max-length", 9) == 0
    assert "train texts are longer than 9 tokens and go in windows" in capsys.readouterr().out
    report = report_of(run)
    assert report["labels"] == ["O", "B-WATER"]
    assert json.loads((run / "task.json").read_text())["fitting_tags"] is True
    assert report["dev"]["f1"] > 0.95
    with open(run / "predictions.tsv", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert len(rows) == sum(len(text.split()) for text, _ in make_rows(30, 2))
    assert "Entities by type (dev)" in (run / "report.html").read_text()
    (tmp_path / "new.txt").write_text("The river moves.\n\nKing under a bridge\n")
    assert bert_command(["predict", str(run), str(tmp_path / "new.txt")]) == 0
    blocks = capsys.readouterr().out.split("\n\n")
    assert blocks[0].splitlines()[:2] == ["The\tO", "river\tB-WATER"]
    dev.write_text("the O\nking B-PERSON\n")
    assert "the tag 'B-PERSON' is not one of" in error_of(
        capsys, *arguments, "--dev", dev, "--output", tmp_path / "other"
    )
    assert not (tmp_path / "other").exists()


# ---- spans ----


def test_questions_are_answered(folder, tmp_path, capsys):
    def write_questions(path, rows, break_one=False):
        articles = []
        for number, (text, label) in enumerate(rows):
            answers = [{"text": "river", "answer_start": text.index("river")}] if label == "wet" else []
            if break_one and answers:
                answers[0]["answer_start"] += 1
            asked = {"id": str(number), "question": "the small bird", "answers": answers}
            articles.append({"paragraphs": [{"context": text, "qas": [asked]}]})
        path.write_text(json.dumps({"data": articles}))
        return path

    train = write_questions(tmp_path / "train.json", make_rows(160, 1))
    arguments = ["--checkpoint", folder / "checkpoint", "--problem", "spans", *SMALL_RUN, "--max-length", 12]
    run = tmp_path / "run"
    assert finetune(*arguments, "--train", train, "--output", run, "--epochs", 8) == 0
    report = report_of(run)
    assert report["examples"] == {"train": 120, "dev": 40}
    assert report["too_long"]["train"] > 0
    assert report["dev"]["f1"] > 0.8
    assert load_checkpoint(run, BertForQuestionAnswering)
    assert len((run / "predictions.tsv").read_text().splitlines()) == 41
    lines = [{"question": "the small bird", "context": text} for text, _ in make_rows(5, 3)]
    (tmp_path / "more.jsonl").write_text("\n".join(map(json.dumps, lines)))
    capsys.readouterr()
    assert bert_command(["predict", str(run), str(tmp_path / "more.jsonl")]) == 0
    header, *answers = capsys.readouterr().out.splitlines()
    assert header == "prediction\tscore\tnull score\tquestion"
    cells = [answer.split("\t") for answer in answers]
    assert all(cell[0] in line["context"] for cell, line in zip(cells, lines, strict=True))
    assert all((cell[0] == "") == (float(cell[2]) > float(cell[1])) for cell in cells)
    assert {cell[0] for cell in cells} >= {"", "river"}  # some have no answer, as in training
    more = write_questions(tmp_path / "more.json", make_rows(5, 3), break_one=True)  # answers are passed over
    assert bert_command(["predict", str(run), str(more)]) == 0
    with_ids = capsys.readouterr().out.splitlines()
    assert with_ids == [f"{name}\t{line}" for name, line in zip(["id", *"01234"], [header, *answers])]
    assert bert_command(["predict", str(run), str(more), "--text-column", "query"]) == 2
    assert "--text-column: it would change nothing" in capsys.readouterr().err
    for threshold, found in (("1000", 5), ("-1000", 0)):
        assert bert_command(["predict", str(run), str(tmp_path / "more.jsonl"), "--null-threshold", threshold]) == 0
        assert sum(line[0] != "\t" for line in capsys.readouterr().out.splitlines()[1:]) == found
    assert bert_command(["predict", str(run), str(tmp_path / "more.jsonl"), "--text-column", "query"]) == 2
    assert "no key 'query'" in capsys.readouterr().err
    broken = write_questions(tmp_path / "broken.json", make_rows(10, 1), break_one=True)
    message = error_of(capsys, *arguments, "--train", broken, "--output", tmp_path / "other")
    assert "does not stand at" in message
    assert not (tmp_path / "other").exists()


# ---- relations ----


def make_marked(count, seed) -> list[tuple[str, str]]:
    """Texts with two words of them in tags; "river" or "winter" in a text decides the relation: (text, relation)."""
    generator, rows = random.Random(seed), []
    for text, label in make_rows(count, seed):
        words = ["song" if word == "winter" else word for word in text.split()]
        relation = "Is-Wet(e1,e2)" if label == "wet" else "Other"
        if label == "dry" and generator.random() < 0.6:
            words[0], relation = "winter", "Is-Wet(e2,e1)"
        for number, place in enumerate(generator.sample(range(len(words)), 2), start=1):
            words[place] = f"<e{number}>{words[place]}</e{number}>"
        rows.append((" ".join(words), relation))
    return rows


def write_semeval(path, rows):
    path.write_text("".join(f'{n}\t"{text}"\n{label}\nComment:\n\n' for n, (text, label) in enumerate(rows, start=1)))
    return path


def test_relations_are_extracted(folder, tmp_path, capsys):
    (tmp_path / "data").mkdir()
    write_semeval(tmp_path / "data" / "train.txt", make_marked(210, 1))
    arguments = ["--task", "semeval2010", "--data", tmp_path / "data", "--checkpoint", folder / "checkpoint"]
    run = tmp_path / "run"
    assert finetune(*arguments, *SMALL_RUN, "--output", run, "--epochs", 8, "--max-length", 13) == 0
    assert "train texts are longer than 13 tokens and lose what is farthest from both" in capsys.readouterr().out
    report = report_of(run)
    assert report["examples"] == {"train": 189, "dev": 21}
    assert report["labels"] == ["Is-Wet(e1,e2)", "Is-Wet(e2,e1)", "Other"]
    assert report["dev"]["macro_f1"] > 0.7
    assert "Relations in both directions (dev)" in (run / "report.html").read_text()

    new = make_marked(30, 3)
    lines = "".join(f"{text}\n" for text, _ in new)
    (tmp_path / "new.txt").write_text(lines)
    outputs = []
    for path in (tmp_path / "new.txt", write_semeval(tmp_path / "with labels.txt", new)):
        assert bert_command(["predict", str(run), str(path)]) == 0
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1]
    header, *predictions = outputs[0].splitlines()
    assert header == "prediction\tp(Is-Wet(e1,e2))\tp(Is-Wet(e2,e1))\tp(Other)\ttext"
    right = [line.split("\t")[0] == label for line, (_, label) in zip(predictions, new, strict=True)]
    assert sum(right) > 20  # half of them have the most frequent relation
    (tmp_path / "new.txt").write_text("the <e1>king\n")
    assert bert_command(["predict", str(run), str(tmp_path / "new.txt")]) == 2
    assert "new.txt: line 1: each of <e1>, </e1>, <e2>, </e2> was expected once" in capsys.readouterr().err
    dev = write_semeval(tmp_path / "dev.txt", [("<e1>a</e1> <e2>b</e2>", "Is-Dry(e1,e2)")])
    message = error_of(capsys, *arguments, *SMALL_RUN, "--dev", dev, "--output", tmp_path / "other")
    assert "dev.txt: line 1: the relation 'Is-Dry(e1,e2)' is not one of those trained on" in message
    assert not (tmp_path / "other").exists()


# ---- choices ----


def write_json_lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def make_choices(count, seed) -> list[dict]:
    """Two to four texts, just one of which has "river" in it."""
    generator, rows = random.Random(seed), make_rows(8 * count, seed)
    dry, wet = ([text for text, label in rows if label == wanted] for wanted in ("dry", "wet"))
    examples = []
    for _ in range(count):
        choices = generator.sample(dry, generator.randint(1, 3))
        label = generator.randint(0, len(choices))
        choices.insert(label, generator.choice(wet))
        examples.append({"context": "the small bird sings", "choices": choices, "label": label})
    return examples


def test_choices_are_made(folder, tmp_path, capsys):
    train = write_json_lines(tmp_path / "train.jsonl", make_choices(100, 1))
    dev = write_json_lines(tmp_path / "dev.jsonl", make_choices(30, 2))
    arguments = ["--problem", "choices", "--train", train, "--checkpoint", folder / "checkpoint", *SMALL_RUN]
    run = tmp_path / "run"
    assert finetune(*arguments, "--dev", dev, "--output", run, "--epochs", 6, "--max-length", 15) == 0
    assert "train texts are longer than 15 tokens and are cut (head kept)" in capsys.readouterr().out
    assert report_of(run)["dev"]["accuracy"] > 0.8
    with open(run / "predictions.tsv", newline="") as file:
        predicted = [row["prediction"] for row in csv.DictReader(file, delimiter="\t")]
    assert bert_command(["predict", str(run), str(dev)]) == 0
    header, *lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert header == ["prediction", "probabilities", "choice", "context"]
    assert [line[0] for line in lines] == predicted
    for (_, probabilities, _, _), example in zip(lines, make_choices(30, 2), strict=True):
        numbers = list(map(float, probabilities.split(",")))
        assert len(numbers) == len(example["choices"])
        assert sum(numbers) == pytest.approx(1, abs=1e-5)
    write_json_lines(dev, [{"context": "the king", "choices": ["sings", "falls"], "label": 2}])
    message = error_of(capsys, *arguments, "--dev", dev, "--output", tmp_path / "other")
    assert "dev.jsonl: line 1: the label is '2'" in message
    assert "--long-texts windows" in error_of(
        capsys, *arguments, "--long-texts", "windows", "--output", tmp_path / "other"
    )
    assert not (tmp_path / "other").exists()


# ---- summaries ----


def make_documents(count, seed) -> list[dict]:
    """Documents of two to four sentences, the first of which is the summary."""
    generator, rows = random.Random(seed), iter(make_rows(4 * count, seed))
    return [
        {"sentences": [text for text, _ in itertools.islice(rows, generator.randint(2, 4))], "summary": [0]}
        for _ in range(count)
    ]


def test_summaries_are_extracted(folder, tmp_path, capsys):
    train = write_json_lines(tmp_path / "train.jsonl", make_documents(80, 1))
    dev = write_json_lines(tmp_path / "dev.jsonl", make_documents(20, 2))
    arguments = ["--problem", "summary", "--train", train, "--checkpoint", folder / "checkpoint", *SMALL_RUN]
    arguments += ["--max-length", 30, "--summary-sentences", 1]
    run = tmp_path / "run"
    assert finetune(*arguments, "--dev", dev, "--output", run, "--epochs", 4) == 0
    assert "train texts are longer than 30 tokens and go in windows of whole sentences" in capsys.readouterr().out
    log = read_log(run / "log.jsonl")
    assert max(line["heldout_sentence_accuracy"] for line in log if "heldout_sentence_accuracy" in line) > 0.9
    report = report_of(run)
    assert set(report["dev"]) == {"rouge1", "rouge2", "rougeL", "rougeLsum"}
    assert report["dev"]["rouge1"] > 0.9
    for most, given in ((1, []), (2, ["--summary-sentences", "2"])):
        assert bert_command(["predict", str(run), str(dev), *given]) == 0
        header, *lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
        assert header == ["prediction", "summary", "probabilities", "text"]
        for (numbers, summary, probabilities, _), document in zip(lines, make_documents(20, 2), strict=True):
            numbers = list(map(int, numbers.split(",")))
            assert 1 <= len(numbers) <= most
            assert summary == " ".join(document["sentences"][number] for number in numbers)
            assert len(probabilities.split(",")) == len(document["sentences"])
    write_json_lines(dev, [{"sentences": ["the king"], "summary": [1]}])
    message = error_of(capsys, *arguments, "--dev", dev, "--output", tmp_path / "other")
    assert "dev.jsonl: line 1: the summary is [1]" in message
    assert not (tmp_path / "other").exists()
