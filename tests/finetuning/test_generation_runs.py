"""Generation as its user runs it: from scratch and from checkpoints, stopped, resumed, in two processes, misused."""

import csv
import json
import random
import shutil
import sys

import pytest
import torch

import finetuning.reading
from bert.__main__ import main as bert_command
from bert.checkpoints.directory import load_checkpoint, save_checkpoint
from bert.checkpoints.vocabulary import load_tokenizer
from bert.config import BertConfig
from bert.generation.directory import load_target_tokenizer
from bert.generation.model import BertForConditionalGeneration
from bert.heads.classification import BertForSequenceClassification
from bert.heads.pretraining import BertForPreTraining
from bert.tokenization.wordpiece import WordPieceTokenizer
from bert.training import state
from bert.training.reporting import read_log
from bert.training.state_reading import newest_state
from finetuning.generation_start import check_start, config_of
from finetuning.settings import read_settings
from tests.conftest import WORDS
from tests.processes import run_in_processes
from tests.test_train_finetune import error_of, finetune, report_of, same_bytes

SMALL_RUN = [
    "--problem", "generation", "--max-length", 14, "--report-every", 2, "--device", "cpu", "--precision", "fp32",
    "--batch-tokens", 160, "--beams", 2, "--max-output", 8,
]  # fmt: skip
LEARNED = ["--tokenizer", "wordpiece", "--vocab-size", 70]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Aligned files of words and the same words backwards, and a checkpoint that was never trained."""
    folder = tmp_path_factory.mktemp("generation")
    generator = random.Random(0)
    for name, count in (("train", 90), ("dev", 20)):
        lines = [" ".join(generator.choices(WORDS, k=generator.randint(2, 6))) for _ in range(count)]
        (folder / f"{name}.src").write_text("".join(f"{line}\n" for line in lines))
        (folder / f"{name}.tgt").write_text("".join(f"{' '.join(line.split()[::-1])}\n" for line in lines))
    torch.manual_seed(5)
    tokenizer = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS])
    config = BertConfig(
        tokenizer.vocab_size, 24, 2, 2, 32, max_position_embeddings=40, initializer_range=0.2, hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    save_checkpoint(folder / "checkpoint", BertForPreTraining(config), tokenizer)
    return folder


@pytest.fixture(scope="module")
def given(folder):
    """The flags that name the fixture's files."""
    files = [folder / f"{name}.{end}" for name in ("train", "dev") for end in ("src", "tgt")]
    return [*SMALL_RUN, "--train", *files[:2], "--dev", *files[2:]]


def predictions_of(run) -> list[str]:
    with open(run / "predictions.tsv", newline="") as file:
        return [row["prediction"] for row in csv.DictReader(file, delimiter="\t")]


def test_from_scratch_it_learns_a_vocabulary_reports_and_writes_again(folder, given, tmp_path, capsys):
    run = tmp_path / "run"
    assert finetune(*given, *LEARNED, "--max-steps", 8, "--output", run) == 0
    output = capsys.readouterr().out
    assert "Learning a vocabulary of 70 pieces from the training sources and targets." in output
    assert "parameters, untrained weights." in output
    assert f"python -m bert generate {run} FILE.txt" in output
    assert "8 steps of about 160 tokens" in output
    report = report_of(run)
    assert {"token_accuracy", "perplexity", "perplexity_with_other_sources", "rougeL"} <= report["dev"].keys()
    assert report["dev"]["perplexity"] < report["baseline"]["dev"]["perplexity"] * 2
    assert not (run / "target").exists()
    assert load_tokenizer(run).vocab_size <= 70
    page = (run / "report.html").read_text()
    assert all(heading in page for heading in ("Outputs, the first ones", "Worst outputs", "Cross-attention"))
    assert any("generation_loss" in line for line in read_log(run / "log.jsonl"))
    assert bert_command(["predict", str(run), str(folder / "dev.src"), "--device", "cpu"]) == 0
    assert [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()[1:]] == predictions_of(run)


@pytest.mark.parametrize("start", ["bert2rnd", "bert2bert", "share"])
def test_from_a_checkpoint_its_weights_begin_at_what_they_were(start, folder, given, tmp_path):
    run = tmp_path / "run"
    arguments = [
        "--checkpoint",
        folder / "checkpoint",
        "--initialization",
        start,
        "--max-steps",
        1,
        "--learning-rate",
        1e-6,
    ]
    assert finetune(*given, *arguments, "--output", run) == 0
    model = load_checkpoint(run, BertForConditionalGeneration)
    before = load_checkpoint(folder / "checkpoint", BertForPreTraining)
    expected = before.bert.encoder.layers[1].attention.query.weight
    torch.testing.assert_close(model.bert.encoder.layers[1].attention.query.weight, expected, rtol=0, atol=1e-5)
    decoders = model.decoder.layers[1].attention.query.weight
    assert torch.allclose(decoders, expected, rtol=0, atol=1e-5) == (start != "bert2rnd")
    assert model.config.shared == (start == "share")


@pytest.fixture(scope="module")
def earlier(given, folder):
    """A run whose source and target have vocabularies of their own."""
    run = folder / "earlier"
    start = ["--checkpoint", folder / "checkpoint", "--target-vocab", "learn", *LEARNED, "--decoder-layers", 1]
    assert finetune(*given, *start, "--max-steps", 2, "--output", run) == 0
    return run


def test_a_target_may_have_a_vocabulary_of_its_own(folder, given, earlier, tmp_path, capsys):
    run = earlier
    source, target = load_tokenizer(run), load_target_tokenizer(run)
    assert source.vocabulary == load_tokenizer(folder / "checkpoint").vocabulary
    assert (run / "target" / "vocab.txt").exists()
    assert source.vocab_size != target.vocab_size
    model = load_checkpoint(run, BertForConditionalGeneration)
    assert len(model.decoder.layers) == 1
    assert model.config.decoder.vocab_size == target.vocab_size
    capsys.readouterr()
    assert bert_command(["predict", str(run), str(folder / "dev.src"), "--device", "cpu"]) == 0
    assert [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()[1:]] == predictions_of(run)
    again = tmp_path / "again"
    assert finetune(*given, "--vocab", run, "--target-vocab", run / "target", "--max-steps", 1, "--output", again) == 0
    assert load_target_tokenizer(again).vocabulary == target.vocabulary


def test_a_run_goes_on_with_other_data_its_vocabularies_and_its_decoder(earlier, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(state, "KEPT", 9)
    (tmp_path / "pairs.tsv").write_text("source\ttarget\n" + "the road\tthe king\n" * 30)
    start = [*SMALL_RUN, "--train", tmp_path / "pairs.tsv", "--checkpoint", earlier, "--dropout", 0.3]
    more = ["--metric", "rougeL", "--max-steps", 2, "--checkpoint-every", 1, "--learning-rate", 1e-6]
    run, stopped = tmp_path / "run", tmp_path / "stopped"
    assert finetune(*start, *more, "--output", run) == 0
    output = capsys.readouterr().out
    assert f"Note: {earlier} has a decoder; it goes on from there (--initialization bert2rnd begins anew)." in output
    assert "Model:  2 + 1 layers of 24, " in output and f"all from {earlier}." in output
    assert load_tokenizer(run).vocabulary == load_tokenizer(earlier).vocabulary
    assert load_target_tokenizer(run).vocabulary == load_target_tokenizer(earlier).vocabulary
    before, model = (load_checkpoint(each, BertForConditionalGeneration) for each in (earlier, run))
    for name, weight in model.state_dict().items():
        torch.testing.assert_close(weight, before.state_dict()[name], rtol=0, atol=1e-5)
    assert model.config.decoder.hidden_dropout_prob == 0.3 != before.config.decoder.hidden_dropout_prob
    assert report_of(run)["start"] == "whole"
    measured = [name for line in read_log(run / "log.jsonl") for name in line if name.startswith("dev_")]
    assert measured[0] == "dev_rougeL"  # the curves show it first
    shutil.copytree(run, stopped)
    shutil.rmtree(next((stopped / "training_state").glob("step-*02")))
    for name in ("model.safetensors", "report.json"):
        (stopped / name).unlink()
    assert finetune("--output", stopped, "--resume") == 0
    assert same_bytes(run, stopped)


def test_of_a_run_a_new_decoder_may_have_the_encoders_vocabulary(earlier, given, tmp_path):
    line = [*given, "--checkpoint", earlier, "--initialization", "bert2rnd", "--output", tmp_path / "run"]
    settings = read_settings([str(each) for each in line])
    source = check_start(settings)
    config = config_of(settings, source, source)
    assert (config.decoder.num_hidden_layers, config.decoder.vocab_size) == (2, source.vocab_size)


def test_another_kind_of_task_takes_the_encoder_of_a_run(earlier, tmp_path):
    (tmp_path / "labels.tsv").write_text("text\tlabel\n" + "the road\ta\nthe king\tb\n" * 20)
    run = tmp_path / "run"
    start = ["--train", tmp_path / "labels.tsv", "--checkpoint", earlier, "--max-length", 14, "--max-steps", 1]
    more = ["--learning-rate", 1e-6, "--pool", "mean", "--device", "cpu", "--precision", "fp32", "--output", run]
    assert finetune(*start, *more) == 0
    found = load_checkpoint(run, BertForSequenceClassification).bert.state_dict()
    expected = load_checkpoint(earlier, BertForConditionalGeneration).bert.state_dict()
    for name, weight in expected.items():
        torch.testing.assert_close(found[name], weight, rtol=0, atol=1e-5)


def test_the_lowest_perplexity_selects_the_model(given, tmp_path):
    run = tmp_path / "run"
    arguments = [*given, *LEARNED, "--metric", "perplexity", "--learning-rate", 1.5, "--eval-every", 2]
    assert finetune(*arguments, "--max-steps", 4, "--output", run) == 0
    measured = {
        line["step"]: line["dev_perplexity"] for line in read_log(run / "log.jsonl") if "dev_perplexity" in line
    }
    report = report_of(run)
    assert report["metric"] == "perplexity" and report["best_step"] == min(measured, key=measured.__getitem__)
    assert report["dev"]["perplexity"] == pytest.approx(min(measured.values()))
    assert max(measured.values()) > 1.5 * min(measured.values())  # else it shows nothing


def test_a_checkpoints_weights_learn_at_a_part_of_the_rate(folder, given, tmp_path):
    weights = {}
    for rate in (1.0, 1e-6):
        run = tmp_path / str(rate)
        arguments = ["--checkpoint", folder / "checkpoint", "--taken-over-rate", rate, "--max-steps", 2]
        assert finetune(*given, *arguments, "--output", run) == 0
        weights[rate] = load_checkpoint(run, BertForConditionalGeneration)
    before = load_checkpoint(folder / "checkpoint", BertForPreTraining).bert.embeddings.word_embeddings.weight
    moved = {rate: (model.bert.embeddings.word_embeddings.weight - before).norm() for rate, model in weights.items()}
    assert moved[1.0] > 1000 * moved[1e-6]


def test_dialogues_and_tables_are_read(folder, tmp_path):
    turns = [["a river", "the king", "the road"], ["the king", "a river"]] * 12
    (tmp_path / "turns.jsonl").write_text("".join(f"{json.dumps(each)}\n" for each in turns))
    (tmp_path / "pairs.tsv").write_text("source\ttarget\n" + "a river\tthe king\n" * 30)
    for file, pairs, history in (("turns.jsonl", 36, ["--history", 1]), ("pairs.tsv", 30, [])):
        run = tmp_path / file[:5]
        arguments = [*SMALL_RUN, *history, "--train", tmp_path / file, "--checkpoint", folder / "checkpoint"]
        assert finetune(*arguments, "--max-steps", 1, "--output", run) == 0
        assert sum(report_of(run)["examples"].values()) == pairs
    assert json.loads((tmp_path / "turns" / "task.json").read_text())["columns"]["history"] == 1


def test_micro_batches_and_processes_change_nothing_but_rounding(folder, given, tmp_path):
    arguments = [*given, "--checkpoint", folder / "checkpoint", "--max-steps", 4]
    runs = {name: tmp_path / name for name in ("whole", "parts", "processes", "control")}
    assert finetune(*arguments, "--output", runs["whole"]) == 0
    assert finetune(*arguments, "--output", runs["parts"], "--accumulate", 3) == 0
    assert finetune(*arguments, "--output", runs["control"], "--batch-tokens", 120) == 0
    run_in_processes("train_finetune", [*arguments, "--initialization", "share", "--output", runs["processes"]], 2)
    shared = tmp_path / "shared"
    assert finetune(*arguments, "--initialization", "share", "--output", shared) == 0
    models = {
        name: load_checkpoint(run, BertForConditionalGeneration).state_dict()
        for name, run in (runs | {"shared": shared}).items()
    }
    for one, other in (("whole", "parts"), ("shared", "processes")):
        for name, weight in models[one].items():
            torch.testing.assert_close(weight, models[other][name], rtol=1e-4, atol=2e-5)
    assert not all(
        torch.allclose(weight, models["control"][name], rtol=1e-4, atol=2e-5)
        for name, weight in models["whole"].items()
    )
    assert predictions_of(runs["processes"]) == predictions_of(shared)
    ours, theirs = report_of(shared)["dev"], report_of(runs["processes"])["dev"]
    assert ours == pytest.approx(theirs, rel=1e-4)


def test_a_stopped_run_goes_on_bit_for_bit(given, tmp_path, monkeypatch):
    monkeypatch.setattr(state, "KEPT", 9)
    arguments = [*given, *LEARNED, "--max-steps", 9, "--checkpoint-every", 4, "--eval-every", 100]
    expected, run = tmp_path / "whole", tmp_path / "stopped"
    assert finetune(*arguments, "--output", expected) == 0
    shutil.copytree(expected, run)
    for path in (run / "training_state").glob("step-*09*"):
        shutil.rmtree(path)
    for name in ("model.safetensors", "report.json"):
        (run / name).unlink()
    assert newest_state(run / "training_state")[1]["progress"]["step"] == 8
    assert finetune("--output", run, "--resume") == 0
    assert same_bytes(expected, run)
    assert report_of(expected)["dev"] == report_of(run)["dev"]


def test_misuse_is_one_sentence_and_leaves_nothing(folder, given, tmp_path, capsys):
    other = ["--output", tmp_path / "other"]

    def error(*arguments):
        return error_of(capsys, *given, *arguments, *other)

    from_checkpoint = ["--checkpoint", folder / "checkpoint"]
    (tmp_path / "short.tgt").write_text("a\n")
    (tmp_path / "gap.tgt").write_text("a\n" * 50 + "\n" + "a\n" * 39)
    assert "short.tgt: has 1 lines, and" in error("--train", folder / "train.src", tmp_path / "short.tgt")
    assert "gap.tgt: line 51: the target is ''" in error("--train", folder / "train.src", tmp_path / "gap.tgt")
    assert "--train: takes one file" in error("--train", "a", "b", "c")
    assert "--max-length 50 is above the 40 positions" in error(*from_checkpoint, "--max-length", 50)
    message = error(*from_checkpoint, "--max-target-length", 50, "--max-output", 8)
    assert "--max-target-length 50 is above the 40 positions" in message
    assert "--max-output is 45, but the decoder has 40 positions" in error(*from_checkpoint, "--max-output", 45)
    assert "--initialization scratch trains new weights" in error(*from_checkpoint, "--initialization", "scratch")
    assert "--size: the start bert2rnd takes it from the checkpoint" in error(*from_checkpoint, "--size", "mini")
    assert "--decoder-checkpoint needs --initialization bert2bert" in error(
        *from_checkpoint, "--decoder-checkpoint", "x"
    )
    assert "--initialization share has one vocabulary" in error(
        *from_checkpoint, "--initialization", "share", "--target-vocab", "learn"
    )
    assert "--vocab-size is about a vocabulary that is learned" in error(*from_checkpoint, "--vocab-size", 90)
    assert "--batch-size counts pairs and --batch-tokens their tokens" in error("--batch-size", 4)
    assert "--adapt: in generation" in error(*from_checkpoint, "--adapt", "lora")
    assert "--random-start: in generation" in error(*from_checkpoint, "--random-start")
    assert "--length-penalty is 1.0, but one beam" in error("--beams", 1, "--length-penalty", 1)
    assert "--min-output is 9 and --max-output 8" in error("--min-output", 9)
    assert "--max-target-length 2: [CLS], one piece and [SEP] alone take 3" in error("--max-target-length", 2)
    assert "nothing: no such file or directory; a vocabulary was expected" in error(
        *from_checkpoint, "--target-vocab", tmp_path / "nothing"
    )
    assert "--label-smoothing" in error("--label-smoothing", 1.5)
    assert "of such a task, token_accuracy, perplexity" in error("--metric", "accuracy")
    assert "--continue-from: in generation a run is the --checkpoint of" in error("--continue-from", tmp_path)
    labelled = ["--problem", "single-label", "--train", folder / "train.src", folder / "train.tgt"]
    message = error_of(capsys, *labelled, *from_checkpoint, *other)
    assert "--train-targets: it would change nothing in this kind of task" in message
    assert not (tmp_path / "other").exists()


def test_what_the_flags_and_files_decide_is_refused_before_a_text_is_read(
    folder, given, earlier, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(finetuning.reading, "read_sets", None)  # a call would be a traceback
    from_checkpoint, whole = ["--checkpoint", folder / "checkpoint"], ["--checkpoint", earlier]
    classes = ["--problem", "single-label", *from_checkpoint]
    cases = {
        "--metric accuracy: of such a task": ["--metric", "accuracy"],
        "--long-texts windows: in this kind of task": ["--long-texts", "windows"],
        "--max-length 600 is above the 512 positions": ["--max-length", 600],
        "--max-length 50 is above the 40 positions": [*from_checkpoint, "--max-length", 50],
        "--max-target-length 50 is above the 40": [*whole, "--max-target-length", 50, "--max-output", 8],
        "--max-output is 45, but the decoder has 40": [*whole, "--max-output", 45],
        "nothing: no such file or directory; a voc": ["--vocab", tmp_path / "nothing"],
        "none: no such file or directory; a voc": ["--target-vocab", tmp_path / "none"],
        "which is not an encoder with a decoder": [*from_checkpoint, "--initialization", "whole"],
        "--decoder-layers: the model in": [*whole, "--decoder-layers", 2],
        "--target-vocab: the model in": [*whole, "--target-vocab", "learn"],
        "--size: the start whole takes it from": [*whole, "--size", "mini"],
    }  # fmt: skip
    for part, arguments in cases.items():
        assert part in error_of(capsys, *given, *arguments, "--output", tmp_path / "other"), part
    labelled = [*SMALL_RUN[2:-6], *classes, "--train", folder / "train.src"]
    cases = {
        "--max-length 50 is above the 40 positions": ["--max-length", 50],
        "--metric bleu: of such a task": ["--metric", "bleu"],
        "has 2 layers": ["--reinitialize-layers", 3],
        "LABEL=WEIGHT": ["--class-weights", "wet=heavy"],
    }
    for part, arguments in cases.items():
        assert part in error_of(capsys, *labelled, *arguments, "--output", tmp_path / "other"), part
    assert not (tmp_path / "other").exists()


def test_a_file_that_is_not_there_is_named_before_another_is_read(folder, given, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("bert.tasks.generation.read.read_lines", None)
    for flag in ("--dev", "--test", "--test-targets", "--dev-targets"):
        other = ["--test", folder / "dev.src"] if flag == "--test-targets" else []
        message = error_of(capsys, *given, *other, flag, tmp_path / "none.en", "--output", tmp_path / "other")
        assert "none.en: no such file; check its name" in message


def test_flags_about_another_form_of_file_are_refused(given, tmp_path, capsys):
    other = ["--output", tmp_path / "other"]
    (tmp_path / "pairs.tsv").write_text("source\ttarget\n" + "a river\tthe king\n" * 30)
    table = [*SMALL_RUN, "--train", tmp_path / "pairs.tsv"]
    assert "--history is about dialogues, and " in error_of(capsys, *given, "--history", 2, *other)
    assert "pairs.tsv holds none" in error_of(capsys, *table, "--history", 2, *other)
    for name in ("--text-column", "--label-column"):
        assert f"{name} is about the columns of a table" in error_of(capsys, *given, name, "x", *other)
    assert "--header is about the columns of a table" in error_of(capsys, *given, "--no-header", *other)
    assert "pairs.tsv: is a table, which has its own targets" in error_of(
        capsys, *table, "--train-targets", given[-1], *other
    )
    assert not (tmp_path / "other").exists()


def test_bleu_cannot_select_the_epoch_without_sacrebleu(given, tmp_path, capsys, monkeypatch):
    for module in ("sacrebleu", "sacrebleu.metrics", "sacrebleu.metrics.bleu", "sacrebleu.metrics.chrf"):
        monkeypatch.setitem(sys.modules, module, None)
    for metric in ("bleu", "chrf"):
        message = error_of(capsys, *given, "--metric", metric, "--output", tmp_path / "other")
        assert "BLEU and chrF need the package sacrebleu, which is missing" in message
    assert not (tmp_path / "other").exists()


def test_the_built_in_summaries_have_a_recipe_of_their_own_from_the_first_commands_checkpoint_alone(tmp_path):
    def settings(*more):
        return read_settings(["--problem", "generation", *map(str, more)])

    built_in = settings()
    assert (built_in.initialization, built_in.learning_rate, built_in.epochs) == ("share", 2e-3, 6)
    assert (built_in.max_length, built_in.min_output, built_in.dropout) == (64, 10, 0.1)
    assert settings("--epochs", 2, "--initialization", "bert2rnd").initialization == "bert2rnd"
    other = settings("--checkpoint", tmp_path)
    assert (other.initialization, other.learning_rate, other.max_length) == ("bert2rnd", 1e-3, 128)
