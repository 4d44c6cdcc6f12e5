"""``train_finetune.py --adapt`` as its user runs it: trained, stopped, resumed, in parts, in processes, misused."""

import csv
import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

import train_finetune
from bert.__main__ import main as bert_command
from bert.adaptation.adapt import adapt
from bert.adaptation.bitfit import HeadAlone
from bert.adaptation.files import body_checksums, load_adapted, load_adapter
from bert.checkpoints.directory import load_checkpoint, save_checkpoint
from bert.errors import InputError
from bert.heads.classification import BertForSequenceClassification
from bert.heads.pretraining import BertForPreTraining
from bert.heads.tagging import BertForTokenClassification
from bert.tokenization.wordpiece import WordPieceTokenizer
from bert.training import state
from bert.training.reporting import read_log
from bert.training.state_reading import newest_state
from bert.variants.build import as_variant
from finetuning.adaptation_flags import METHODS
from finetuning.best_model import load_best_model
from tests.conftest import WORDS
from tests.processes import ends_of_runs
from tests.test_train_finetune import (
    CONFIG,
    SMALL_RUN,
    error_of,
    finetune,
    make_choices,
    make_documents,
    make_marked,
    make_rows,
    report_of,
    write_json_lines,
    write_semeval,
    write_tsv,
)

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A pretrained checkpoint (untrained, in truth), and training and dev tables."""
    folder = tmp_path_factory.mktemp("adapting")
    torch.manual_seed(5)
    save_checkpoint(folder / "checkpoint", BertForPreTraining(CONFIG), WordPieceTokenizer([*SPECIAL, *WORDS]))
    write_tsv(folder / "train.tsv", make_rows(60, 1))
    write_tsv(folder / "dev.tsv", make_rows(20, 2))
    return folder


@pytest.fixture(scope="module")
def given(folder):
    """The flags of a run of three updates."""
    files = ["--checkpoint", folder / "checkpoint", "--train", folder / "train.tsv", "--dev", folder / "dev.tsv"]
    return [*files, *SMALL_RUN, "--max-steps", 3]


def adapter_of(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "adapter_model.safetensors")


def body_in(run: Path) -> dict[str, str]:
    """The checksums of the frozen body that a run saved after its training."""
    with safe_open(run / "adapter_model.safetensors", framework="pt") as file:
        return json.loads(file.metadata()["bert"])["body"]


def state_of(run: Path) -> bytes:
    return (newest_state(run / "training_state")[0] / "__0_0.distcp").read_bytes()


@pytest.mark.parametrize("method", [*METHODS, "prefix --prefix-mlp 11", "lora --fresh pooler"])
def test_a_stopped_run_goes_on_bit_for_bit_and_the_body_stays(given, folder, tmp_path, monkeypatch, method):
    monkeypatch.setattr(state, "KEPT", 9)
    arguments = [*given, "--adapt", *method.split(), "--checkpoint-every", 1, "--accumulate", 2]
    expected, run = tmp_path / "whole", tmp_path / "stopped"
    assert finetune(*arguments, "--output", expected) == 0
    shutil.copytree(expected, run)
    for path in run.glob("training_state/step-*"):
        if int(path.name.split("-")[1]) > 1:
            shutil.rmtree(path)
    for name in ("adapter_model.safetensors", "adapter_config.json", "report.json"):
        (run / name).unlink()
    assert finetune("--output", run, "--resume") == 0
    for name in ("adapter_model.safetensors", "adapter_config.json", "predictions.tsv"):
        assert (run / name).read_bytes() == (expected / name).read_bytes(), name
    assert state_of(run) == state_of(expected)
    before = load_checkpoint(folder / "checkpoint", BertForSequenceClassification, fresh=["classifier"])
    adapt(before, HeadAlone())
    checksums, after = body_checksums(before.state_dict(), before.adaptation), body_in(run)
    parts_trained = {"bitfit": 3, "houlsby": 2, "lora --fresh pooler": 1}.get(method, 0)  # their biases, or all of it
    assert sum(checksum != after.get(part) for part, checksum in checksums.items()) == parts_trained
    assert not {"model.safetensors", "config.json"} & {path.name for path in run.iterdir()}


def test_the_report_measures_what_the_files_hold(given, folder, tmp_path, capsys):
    run = tmp_path / "run"
    assert finetune(*given, "--max-steps", 16, "--adapt", "lora", "--targets", "all", "--output", run) == 0
    said = capsys.readouterr().out
    check_predictions(run, folder / "checkpoint")
    report = report_of(run)
    trained = 2 * 8 * (4 * (24 + 24) + 2 * (24 + 32)) + 2 * 24 + 2  # of two layers, and the head
    assert report["trained_parameters"] == trained == sum(weight.numel() for weight in adapter_of(run).values())
    assert report["saved_bytes"] == (run / "adapter_model.safetensors").stat().st_size
    assert report["adaptation"]["method"] == "lora"
    assert f"Adapter: lora, learning rate 0.003. {trained:,} parameters are trained and " in said
    assert f"It saves {trained:,} (0.02 MB)." in said
    config = json.loads((run / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(folder / "checkpoint")


def check_predictions(run: Path, checkpoint: Path) -> None:
    """The predictions of a run are those of the model that its files hold."""
    model = load_adapted(checkpoint, run, BertForSequenceClassification)
    tokenizer = WordPieceTokenizer.from_file(run / "vocab.txt")
    with open(run / "predictions.tsv", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            with torch.no_grad():
                logits = model(torch.tensor([tokenizer(row["text"]).input_ids])).logits[0]
            assert float(row["p(wet)"]) == pytest.approx(logits.softmax(0)[1].item(), abs=1e-4)


@pytest.mark.parametrize("variant", ["left-to-right", "pre-norm,rotary,gated,rms-norm"])
def test_a_variant_is_measured_as_the_variant_that_it_is(given, tmp_path, variant):
    """A left-to-right model has the names and shapes of the paper's, so that nothing else would tell."""
    torch.manual_seed(5)
    body = as_variant(BertForPreTraining(CONFIG.replace(variant=variant)))
    save_checkpoint(tmp_path / "body", body, WordPieceTokenizer([*SPECIAL, *WORDS]))
    flags = ["--checkpoint", tmp_path / "body", "--adapt", "lora", "--output", tmp_path / "run"]
    assert finetune(*given, *flags) == 0
    check_predictions(tmp_path / "run", tmp_path / "body")


@pytest.mark.parametrize("method", ["bitfit", "adalora --target-rank 2", "prefix --prefix-mlp 11"])
def test_the_best_model_is_measured_on_the_body_that_is_in_memory(given, folder, tmp_path, monkeypatch, method):
    seen = []

    def loading(settings, run, task):
        seen.extend((run.model, load_best_model(settings, run, task)))
        return seen[1]

    monkeypatch.setattr(train_finetune, "load_best_model", loading)
    assert finetune(*given, "--adapt", *method.split(), "--output", tmp_path / "run") == 0
    trained, best = seen
    for name, parameter in best.named_parameters():
        body = dict(trained.named_parameters()).get(name)
        assert parameter.requires_grad == (body is None or parameter.data_ptr() != body.data_ptr()), name
    expected = load_adapted(folder / "checkpoint", tmp_path / "run", BertForSequenceClassification)
    torch.testing.assert_close(dict(best.state_dict()), dict(expected.state_dict()), rtol=0, atol=0)
    assert not best.training


def test_adalora_ends_with_its_target_and_reports_its_ranks_and_its_loss(given, tmp_path, capsys):
    run = tmp_path / "run"
    assert finetune(*given, "--max-steps", 16, "--adapt", "adalora", "--target-rank", 3, "--output", run) == 0
    assert "It saves about " in capsys.readouterr().out
    report = report_of(run)
    assert report["adaptation"]["initial_rank"] == 5  # half as much again
    assert len(report["ranks"]) == 12
    saved = {name: len(weight) for name, weight in adapter_of(run).items() if name.endswith("lora_E")}
    if report["best_step"] >= 8:
        assert sum(report["ranks"].values()) == 12 * 3
    assert sum(saved.values()) == sum(report["ranks"].values())
    assert all("orthogonality_loss" in line for line in read_log(run / "log.jsonl") if "tokens_per_second" in line)


def test_a_model_from_before_the_ranks_came_down_is_named(given, tmp_path, capsys):
    late = ["--eval-every", 1, "--learning-rate", 1e-7]  # so the first evaluation is the best
    assert finetune(*given, "--max-steps", 8, "--adapt", "adalora", *late, "--output", tmp_path / "run") == 0
    assert "The best model is from before AdaLoRA had lowered its ranks: together they are 144" in (
        capsys.readouterr().out
    )


def test_the_training_state_has_nothing_of_the_body_and_another_body_is_refused(given, folder, tmp_path, capsys):
    run, body = tmp_path / "run", tmp_path / "body"
    shutil.copytree(folder / "checkpoint", body)
    assert finetune(*given, "--adapt", "lora", "--checkpoint", body, "--output", run) == 0
    names = (newest_state(run / "training_state")[0] / ".metadata").read_bytes()
    assert b"lora_A" in names
    assert b"word_embeddings" not in names
    other = load_checkpoint(body, BertForPreTraining)
    with torch.no_grad():
        other.bert.encoder.layers[1].attention.key.bias[0] += 1
    save_checkpoint(body, other)
    message = error_of(capsys, "--output", run, "--resume", "--max-steps", 4)
    assert "(other body)" in message
    shutil.rmtree(run / "training_state")
    assert "holds a model, but no training state" in error_of(capsys, "--output", run, "--resume")
    assert "holds a run already" in error_of(capsys, *given, "--output", run)


def test_micro_batches_and_processes_change_nothing_but_rounding(given, tmp_path):
    """AdaLoRA has most to agree on: which triplets keep their rank.

    LoRA's parameters are new in each layer, as those of most methods are. A prefix has one table for all layers.
    """
    arguments = [*given, "--dropout", 0, "--max-steps", 6, "--learning-rate", 1e-3, "--optimizer", "bert-adamw"]
    methods = {"adalora": [], "lora": [], "prefix": ["--prefix-mlp", 11]}
    runs = {name: [*arguments, "--adapt", name, *more, "--output"] for name, more in methods.items()}
    lines = [" ".join(map(str, [*flags, tmp_path / f"{name}-in-two"])) for name, flags in runs.items()]
    for code, output in ends_of_runs(lines, 2):
        assert code == 0, output
    for name, flags in runs.items():
        assert finetune(*flags, tmp_path / name) == 0
        one, two = adapter_of(tmp_path / name), adapter_of(tmp_path / f"{name}-in-two")
        torch.testing.assert_close(two, one, rtol=1e-4, atol=2e-5)
    arguments += ["--adapt", "adalora", "--output"]
    assert finetune(*arguments, tmp_path / "parts", "--accumulate", 2) == 0
    assert finetune(*arguments, tmp_path / "control", "--seed", 1) == 0
    whole = adapter_of(tmp_path / "adalora")
    torch.testing.assert_close(adapter_of(tmp_path / "parts"), whole, rtol=1e-4, atol=2e-5)
    name = "base_model.model.classifier.weight"
    assert not torch.allclose(adapter_of(tmp_path / "control")[name], whole[name], rtol=1e-4, atol=2e-5)


def test_every_kind_of_task_can_be_adapted(folder, tmp_path):
    rows, words = make_rows(40, 1), " ".join(WORDS).split()
    tags = "".join(f"{word} {'B-X' if word == 'river' else 'O'}\n\n" for word in words)
    (tmp_path / "tags.txt").write_text(tags, encoding="utf-8")
    questions = [
        {"question": "the bird", "context": text, "answers": {"text": [text.split()[0]], "answer_start": [0]}}
        for text, _ in rows
    ]
    (tmp_path / "patterns.toml").write_text('patterns = ["{text} [MASK]"]\n[words]\nwet = "river"\ndry = "king"\n')
    files = {
        "multi-label": write_json_lines(tmp_path / "m.jsonl", [{"text": t, "label": [x, t[:1]]} for t, x in rows]),
        "regression": write_tsv(tmp_path / "r.tsv", [(text, len(text)) for text, _ in rows]),
        "tagging": tmp_path / "tags.txt",
        "spans": write_json_lines(tmp_path / "q.jsonl", questions),
        "relations": write_semeval(tmp_path / "relations.txt", make_marked(40, 1)),
        "choices": write_json_lines(tmp_path / "c.jsonl", make_choices(20, 1)),
        "summary": write_json_lines(tmp_path / "s.jsonl", make_documents(20, 1)),
        "cloze": write_tsv(tmp_path / "z.tsv", rows),
    }
    small = ["--checkpoint", folder / "checkpoint", *SMALL_RUN, "--max-steps", 2, "--max-length", 30]
    for problem, file in files.items():
        run = tmp_path / problem
        more = ["--patterns", tmp_path / "patterns.toml"] if problem == "cloze" else []
        arguments = ["--problem", problem, "--train", file, "--dev", file, *more]
        assert finetune(*small, *arguments, "--adapt", "lora", "--output", run) == 0, problem
        matrices = [name for name, weight in adapter_of(run).items() if "lora_B" in name and weight.any()]
        assert len(matrices) == 4, problem
        assert report_of(run)["dev"]


def test_a_checkpoint_without_a_pooler_gets_one_that_is_saved(given, folder, tmp_path, capsys):
    tagger = load_checkpoint(folder / "checkpoint", BertForTokenClassification, fresh=["classifier"])
    save_checkpoint(tmp_path / "tagger", tagger, WordPieceTokenizer.from_file(folder / "checkpoint" / "vocab.txt"))
    arguments = [*given, "--checkpoint", tmp_path / "tagger", "--adapt", "ia3", "--output", tmp_path / "run"]
    assert "bert.pooler" in error_of(capsys, *arguments)
    assert finetune(*arguments, "--fresh", "pooler") == 0
    assert "it is trained and saved with the head" in capsys.readouterr().out
    assert "base_model.model.bert.pooler.dense.weight" in adapter_of(tmp_path / "run")
    load_adapted(tmp_path / "tagger", tmp_path / "run", BertForSequenceClassification)


def test_a_classifier_reads_the_mean_if_asked_to_and_its_files_say_so(given, folder, tmp_path, capsys):
    whole, adapted = tmp_path / "whole", tmp_path / "adapted"
    assert finetune(*given, "--pool", "mean", "--output", whole) == 0
    config = json.loads((whole / "config.json").read_text())
    assert config["classifier_pooling"] == "mean"
    assert bert_command(["predict", str(whole), str(folder / "dev.tsv"), "--device", "cpu"]) == 0
    predicted = [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()[-20:]]
    with open(whole / "predictions.tsv", newline="") as file:
        assert predicted == [row["prediction"] for row in csv.DictReader(file, delimiter="\t")]
    # Its head goes on over means alone. Over a pooler another one begins.
    on = [*given, "--checkpoint", whole, "--max-steps", 1]
    assert finetune(*on, "--pool", "mean", "--output", tmp_path / "on") == 0
    assert "it goes on from there" in capsys.readouterr().out
    assert finetune(*on, "--fresh", "pooler", "--output", tmp_path / "other") == 0
    assert "it goes on from there" not in capsys.readouterr().out
    assert finetune(*given, "--pool", "mean", "--adapt", "head", "--output", adapted) == 0
    model = load_adapted(folder / "checkpoint", adapted, BertForSequenceClassification)
    assert model.pool == "mean"
    over_cls = load_checkpoint(
        folder / "checkpoint", BertForSequenceClassification, ["classifier"], labels=model.labels
    )
    with pytest.raises(InputError, match="its head reads pool='mean', and the model's pool='cls'"):
        load_adapter(adapted, over_cls)
    assert finetune(*given, "--pool", "mean", "--fresh", "pooler", "--output", tmp_path / "none") == 2
    assert "has no pooler" in capsys.readouterr().err


def test_several_seeds_are_several_adapters(given, tmp_path):
    assert finetune(*given, "--adapt", "bitfit", "--seeds", 2, "--output", tmp_path / "run") == 0
    one, other = (adapter_of(tmp_path / "run" / f"seed-{seed}") for seed in range(2))
    assert not one["base_model.model.classifier.weight"].equal(other["base_model.model.classifier.weight"])


def test_misuse_is_one_sentence_and_leaves_nothing(given, tmp_path, capsys):
    cases = {
        "--rank is heeded by --adapt lora or --adapt adalora alone": ["--rank", 4],
        "--bottleneck is heeded by --adapt houlsby or --adapt pfeiffer": ["--adapt", "ia3", "--bottleneck", 4],
        "--targets is heeded by --adapt lora alone": ["--adapt", "adalora", "--targets", "all"],
        "0 is not at least 1": ["--adapt", "lora", "--rank", 0],
        "--adapt pfeiffer: size is 2147483647": ["--adapt", "pfeiffer", "--bottleneck", 2**31 - 1],
        "a rank of 25 is more than any matrix": ["--adapt", "lora", "--rank", 25],
        "--target-rank 9 is above --rank 6": ["--adapt", "adalora", "--rank", 6, "--target-rank", 9],
        "a prefix of 40 leaves no room": ["--adapt", "prefix", "--prefix-length", 40],
        "--compile does not work with --adapt prefix": ["--adapt", "prefix", "--compile"],
        "--shard does not work with --adapt adalora": ["--adapt", "adalora", "--shard"],
        "--reinitialize-layers leaves layers": ["--adapt", "lora", "--reinitialize-layers", 1],
        "--layer-decay gives each layer": ["--adapt", "lora", "--layer-decay", 0.9],
        "--random-start leaves every weight": ["--adapt", "lora", "--random-start"],
        "--compare trains a body": ["--adapt", "lora", "--compare"],
        "invalid choice: 'dora'": ["--adapt", "dora"],
    }
    for part, arguments in cases.items():
        message = error_of(capsys, *given, *arguments, "--output", tmp_path / "run")
        assert part in message, message
    assert not (tmp_path / "run").exists()


def test_a_schedule_that_is_too_short_has_written_nothing(given, tmp_path, capsys, monkeypatch):
    initial = METHODS["adalora"].method.__init__

    def with_long_phases(method, **fields):
        initial(method, initial_share=0.5, final_share=0.5, **fields)

    monkeypatch.setattr(METHODS["adalora"].method, "__init__", with_long_phases)
    message = error_of(capsys, *given, "--max-steps", 4, "--adapt", "adalora", "--output", tmp_path / "run")
    assert "AdaLoRA's schedule is too short: of 4 updates the first 2" in message
    assert not (tmp_path / "run").exists()
