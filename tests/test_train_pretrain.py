"""train_pretrain.py as its user runs it: from text to a checkpoint, killed and resumed, in processes, misused."""

import contextlib
import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch._dynamo.testing import CompileCounter

import train_pretrain
from bert import fast
from bert.checkpoints.directory import load_checkpoint
from bert.checkpoints.vocabulary import load_tokenizer, save_tokenizer
from bert.files import terminal
from bert.heads.pretraining import BertForPreTraining
from bert.training.reporting import Reporter, read_log
from bert.training.run import Run
from bert.training.state_reading import newest_state
from data.corpus.tokenized import open_corpus
from data.pretraining.batches import PretrainingBatches
from pretraining import held_out, planning
from pretraining.reading import find_tokenizer
from pretraining.settings import PretrainingSettings
from tests.conftest import make_documents, pictures_are_drawn, weights_of
from tests.processes import interrupted, run_in_processes

ROOT = Path(__file__).parent.parent
SMALL_RUN = [
    "--vocab-size", "90", "--max-steps", "6", "--batch-size", "8", "--max-length", "24", "--learning-rate", "1e-3",
    "--report-every", "2", "--eval-every", "100", "--checkpoint-every", "2", "--workers", "1", "--device", "cpu",
    "--dropout", "0.1",
]  # fmt: skip
NO_LENGTH = [*SMALL_RUN[:2], *SMALL_RUN[4:6], *SMALL_RUN[8:]]  # neither --max-steps nor --max-length


def pretrain(*arguments) -> int:
    return train_pretrain.main([str(argument) for argument in arguments])


def command(*arguments, processes=1) -> list[str]:
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}"] if processes > 1 else []
    return [sys.executable, *launcher, str(ROOT / "train_pretrain.py"), *map(str, arguments)]


def environment() -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


def weights(run) -> dict[str, torch.Tensor]:
    return load_checkpoint(run, BertForPreTraining).state_dict()


def same_bytes(a, b) -> bool:
    return weights_of(a) == weights_of(b)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A corpus, and a finished run on it, which evaluated once on the way."""
    folder = tmp_path_factory.mktemp("finished")
    corpus = folder / "corpus.txt"
    corpus.write_text("\n\n".join("\n".join(document) for document in make_documents(60)), encoding="utf-8")
    with contextlib.redirect_stdout(io.StringIO()) as printed, pictures_are_drawn():
        assert pretrain("--corpus", corpus, "--output", folder / "run", *SMALL_RUN, "--eval-every", 4) == 0
    (folder / "printed.txt").write_text(printed.getvalue())
    return corpus, folder / "run"


# ---- what a run makes ----


def test_without_kernels_fifty_updates_have_the_same_losses(finished, tmp_path):
    corpus, _ = finished
    arguments = ["--corpus", corpus, *SMALL_RUN, "--precision", "fp32", "--dropout", 0, "--max-steps", 50]
    assert pretrain(*arguments, "--output", tmp_path / "kernels") == 0
    with fast.off():
        assert pretrain(*arguments, "--output", tmp_path / "plain") == 0
    logs = [read_log(tmp_path / name / "log.jsonl") for name in ("kernels", "plain")]
    losses = [
        [line["masked_lm_loss"] + line["next_sentence_loss"] for line in log if "seconds" in line] for log in logs
    ]
    assert len(losses[0]) == 25
    assert losses[0] == pytest.approx(losses[1], abs=1e-3)


def test_a_run_leaves_a_checkpoint_a_log_and_pictures(finished):
    _, run = finished
    model, tokenizer = load_checkpoint(run, BertForPreTraining), load_tokenizer(run)
    assert model.config.vocab_size == tokenizer.vocab_size <= 90
    log = read_log(run / "log.jsonl")
    assert [line["step"] for line in log] == [0, 2, 4, 4, 6, 6, 6]
    assert log[0]["precision"] in ("fp32", "bf16")
    assert log[0]["unigram_masked_lm_loss"] > 2
    for name in ("masked_lm_loss", "next_sentence_accuracy", "learning_rate", "tokens_per_second"):
        assert log[1][name] > 0
    assert log[-2]["heldout_masked_lm_loss"] > 0
    assert (run / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert list((run / "tensorboard").iterdir())
    assert not list(run.rglob("*.tmp"))


def test_it_says_what_it_does_and_ends_by_naming_the_next_command(finished):
    _, run = finished
    printed = (run.parent / "printed.txt").read_text()
    assert "Guessing the masked pieces by their frequency alone" in printed
    assert "Guessing them from two pieces on each side (5-grams)" in printed
    assert "step 4, held out: MLM loss" in printed
    start, *_, end, last = read_log(run / "log.jsonl")
    assert last == {"step": 6, "ended": "finished"}
    base_rates = {"step 2 of 6: ": start["random_pairs"], "held out: ": start["majority_next_sentence_accuracy"]}
    for line, base_rate in base_rates.items():
        assert re.search(f"{line}.* right, {base_rate:.1%} by always guessing 'random'\\)", printed)
    assert end["heldout_next_sentence_accuracy"] < 0.9  # six updates teach nothing
    assert "Note: next-sentence prediction has learned nothing that" in printed
    assert f"python -m bert fill-mask {run}" in printed


def test_the_same_seed_is_the_same_run_and_another_is_not(finished, tmp_path):
    corpus, run = finished
    assert pretrain("--corpus", corpus, "--output", tmp_path / "again", *SMALL_RUN, "--workers", 2) == 0
    assert same_bytes(run, tmp_path / "again")
    assert pretrain("--corpus", corpus, "--output", tmp_path / "lean", *SMALL_RUN, "--recompute") == 0
    assert same_bytes(run, tmp_path / "lean")
    assert pretrain("--corpus", corpus, "--output", tmp_path / "other", *SMALL_RUN, "--seed", 1) == 0
    assert not same_bytes(run, tmp_path / "other")


@pytest.mark.parametrize("kind", ["wordpiece", "sentencepiece"])
def test_preparing_a_corpus_says_how_far_it_is_if_it_takes_long(finished, tmp_path, monkeypatch, capsys, kind):
    monkeypatch.setattr(terminal, "BETWEEN_LINES", 0)
    flags = ["--corpus", finished[0], "--tokenizer", kind, *SMALL_RUN, "--max-steps", 1]
    assert pretrain(*flags, "--output", tmp_path / "run") == 0
    printed = capsys.readouterr().out
    for what in ("Reading the corpus", "Joining pieces", "Tokenizing the corpus"):
        shares = [int(share) for share in re.findall(rf"^{what}: (\d+)%$", printed, re.MULTILINE)]
        if what == "Joining pieces" and kind == "sentencepiece":
            assert not shares  # the library does not tell
        else:
            assert shares[-1] == 100
            assert shares == sorted(shares)


def test_the_loss_goes_down(corpus, tmp_path):
    arguments = [*SMALL_RUN, "--max-steps", 60, "--checkpoint-every", 60, "--report-every", 5, "--dropout", 0]
    assert pretrain("--corpus", corpus, "--output", tmp_path / "run", *arguments) == 0
    losses = [line["masked_lm_loss"] for line in read_log(tmp_path / "run" / "log.jsonl") if "masked_lm_loss" in line]
    assert losses[-1] < losses[0] - 0.3


def test_compiled_it_trains_to_the_same_losses(corpus, tmp_path, monkeypatch):
    arguments = ["--corpus", corpus, *SMALL_RUN, "--dropout", 0, "--precision", "fp32", "--masking-rate", 0.15]
    assert pretrain(*arguments, "--output", tmp_path / "plain") == 0
    torch.compiler.reset()
    graphs, compile_it = CompileCounter(), torch.compile  # without the minutes that a C++ compiler takes
    with monkeypatch.context() as patched:
        patched.setattr(torch, "compile", lambda part, **how: compile_it(part, backend=graphs, **how))
        assert pretrain(*arguments, "--compile", "--output", tmp_path / "compiled") == 0
    assert 4 <= graphs.frame_count <= 10  # embeddings, layers, the last layer, the loss; and for other shapes
    logs = (read_log(tmp_path / name / "log.jsonl") for name in ("plain", "compiled"))
    for line, other in zip(*logs, strict=True):
        for name, value in line.items():
            if name.endswith(("_loss", "_accuracy")):
                assert other[name] == pytest.approx(value, rel=1e-4), name


def test_variants_run(corpus, tmp_path):
    lines = tmp_path / "lines.txt"
    lines.write_text("\n".join(" ".join(document) for document in make_documents(60)), encoding="utf-8")
    variants = {
        "no_nsp": ["--corpus", corpus, "--no-nsp"],
        "whole_words": ["--corpus", corpus, "--whole-word-masking", "--optimizer", "adamw", "--cased"],
        "lines": ["--corpus", lines, "--document-per-line", "--epochs", 1],
        "sentencepiece": ["--corpus", corpus, "--tokenizer", "sentencepiece", "--whole-word-masking"],
        "bf16": ["--corpus", corpus, "--precision", "bf16"],
    }
    for name, arguments in variants.items():
        assert pretrain(*SMALL_RUN, *arguments, "--output", tmp_path / name) == 0, name
        assert (tmp_path / name / "config.json").exists()
    no_nsp = read_log(tmp_path / "no_nsp" / "log.jsonl")
    assert not any("next_sentence_loss" in line for line in no_nsp)
    assert load_tokenizer(tmp_path / "sentencepiece").decode([2, 9, 4], skip_special_tokens=False)
    assert pretrain(*SMALL_RUN[2:], "--corpus", corpus, "--output", tmp_path / "given", "--vocab",
                    tmp_path / "sentencepiece" / "spm.model") == 0  # fmt: skip
    assert read_log(tmp_path / "bf16" / "log.jsonl")[0]["precision"] == "bf16"


def test_a_vocabulary_can_be_given(finished, tmp_path):
    corpus, run = finished
    for vocab in (run / "vocab.txt", run):
        output = tmp_path / vocab.name
        assert pretrain("--corpus", corpus, "--output", output, "--vocab", vocab, *SMALL_RUN[2:]) == 0
        assert (output / "vocab.txt").read_bytes() == (run / "vocab.txt").read_bytes()
        assert same_bytes(run, output)


def test_a_plan_reads_no_corpus_writes_nothing_and_measures_what_it_is_asked_about(tmp_path, capsys):
    run = ["--output", tmp_path / "run", "--corpus", tmp_path / "missing.txt", "--device", "cpu"]
    assert pretrain("--plan", *run, "--vocab-size", 1_000, "--batch-size", 8, "--max-length", 16,
                    "--max-steps", 10_000_000) == 0  # fmt: skip
    table = capsys.readouterr().out
    assert re.search(r"parameters +625,130: 2 layers of 128\n", table), table
    assert "processes: 1, micro-batches in each: 1, examples in each of those: 8" in table
    assert re.search(r"largest micro-batch +[\d,]{4,} examples in 90% of the memory; these fit", table)
    rate = re.search(r"measured here +([\d,]+) tokens/s .* median of 5 updates of 8 examples, on 1 x cpu", table)[1]
    hours = re.search(r"hours at that rate +([\d.]+) for 10,000,000 updates; processes: 1\n", table)[1]
    assert float(hours) == pytest.approx(1e7 * 8 * 16 / int(rate.replace(",", "")) / 3600, rel=0.02)
    assert not list(tmp_path.iterdir())

    assert pretrain("--plan", 4, *run, "--vocab-size", 1_000, "--shard", "--no-nsp", "--epochs", 2) == 0
    table = capsys.readouterr().out
    assert "processes: 4, micro-batches in each: 1, examples in each of those: 8" in table
    assert "hours at that rate" not in table
    assert "of 512, had they nothing to send\n" in table
    assert "do NOT fit" not in table
    assert "multiple of 3" in error_of(capsys, "--plan", 3, *run)


def test_a_tokenizer_file_of_the_rust_library_can_be_given(tmp_path):
    vocab = {piece: number for number, piece in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "A", "b"])}
    whole = {
        "normalizer": {"type": "BertNormalizer", "lowercase": False}, "model": {"type": "WordPiece", "vocab": vocab},
    }  # fmt: skip
    (tmp_path / "tokenizer.json").write_text(json.dumps(whole))
    settings = PretrainingSettings(vocab=str(tmp_path / "tokenizer.json"))
    tokenizer = find_tokenizer(settings, tmp_path / "run", print)
    assert tokenizer.encode("A b") == [5, 6]
    save_tokenizer(tmp_path / "run", tokenizer)  # and the run is resumed with it
    resumed = find_tokenizer(replace(settings, resume=True), tmp_path / "run", print)
    assert resumed.fingerprint == tokenizer.fingerprint


def test_a_plan_is_of_the_vocabulary_that_is_given(tmp_path, capsys):
    vocab = tmp_path / "vocab.txt"
    vocab.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *map(str, range(995))]) + "\n")
    assert pretrain("--plan", "--vocab", vocab, "--output", tmp_path / "run", "--device", "cpu", "--batch-size", 1,
                    "--max-length", 16) == 0  # fmt: skip
    assert re.search(r"parameters +625,130: 2 layers of 128\n", capsys.readouterr().out)


def test_a_plan_says_what_does_not_fit(tmp_path, capsys, monkeypatch):
    run = ["--output", tmp_path / "run", "--device", "cpu", "--plan", "--vocab-size", 1_000, "--max-length", 16]
    monkeypatch.setattr(planning, "device_memory", lambda processes: 14_000_000)
    assert pretrain(*run, "--batch-size", 256) == 0
    table = capsys.readouterr().out
    assert "these do NOT fit: use more --accumulate" in table
    monkeypatch.setattr(planning, "device_memory", lambda processes: 1_000_000)
    assert "not even one example at a time fits" in error_of(capsys, *run)


# ---- parts, processes, interruptions ----


@pytest.mark.parametrize(
    "wrong, complaint",
    [
        (["--corpus", "missing.txt"], "missing.txt: no such file"),
        (["--batch-size", "many"], "argument --batch-size: 'many' is not a whole number"),
    ],
)
def test_of_two_processes_one_says_what_is_wrong(tmp_path, wrong, complaint):
    line = command(*SMALL_RUN, *wrong, "--output", tmp_path / "run", processes=2)
    ended = subprocess.run(line, env=environment(), capture_output=True, text=True, timeout=120)
    assert ended.returncode == 1  # torchrun's own
    assert ended.stderr.count(complaint) == 1
    assert "Connection closed" not in ended.stderr
    assert "exitcode  : 2" in ended.stderr


def test_processes_and_micro_batches_change_nothing_but_rounding(tmp_path):
    few = "\n\n".join("\n".join(document) for document in make_documents(11))  # so that a second epoch begins
    corpus = write(tmp_path / "few.txt", few)
    arguments = ["--corpus", corpus, *SMALL_RUN, "--dropout", 0, "--precision", "fp32", "--keep-checkpoints", 3,
                 "--masking-rate", "0.4:0.2", "--average", 3]  # fmt: skip
    runs = {name: tmp_path / name for name in ("whole", "parts", "processes", "four_sharded", "control")}
    assert pretrain(*arguments, "--output", runs["whole"]) == 0
    assert pretrain(*arguments, "--output", runs["parts"], "--accumulate", 4) == 0
    assert pretrain(*arguments, "--output", runs["control"], "--batch-size", 4) == 0
    run_in_processes("train_pretrain", [*arguments, "--output", runs["processes"], "--accumulate", 2], 2)
    run_in_processes("train_pretrain", [*arguments, "--output", runs["four_sharded"], "--shard"], 4)
    by_four = weights_of(runs["four_sharded"])
    for run in runs.values():
        kept = sorted((run / "checkpoints").iterdir())
        assert [folder.name for folder in kept] == ["step-00000000", "step-00000002", "step-00000006"]
        assert same_bytes(kept[0], runs["whole"] / "checkpoints" / "step-00000000")
        assert same_bytes(kept[2], run)
    shutil.rmtree(runs["four_sharded"] / "training_state" / "step-00000006")  # so that step 4 is the newest
    assert pretrain("--resume", "--output", runs["four_sharded"], "--no-shard") == 0
    assert weights_of(runs["four_sharded"]) != by_four  # computed again, with other rounding

    epochs = [line["epoch"] for line in read_log(runs["whole"] / "log.jsonl") if "epoch" in line]
    assert (epochs[0], epochs[-1]) == (0, 1)
    expected = weights(runs["whole"])
    for name in ("parts", "processes", "four_sharded"):
        for weight, other in zip(expected.values(), weights(runs[name]).values(), strict=True):
            torch.testing.assert_close(weight, other, rtol=1e-4, atol=2e-5)
        for line, other in zip(read_log(runs["whole"] / "log.jsonl"), read_log(runs[name] / "log.jsonl"), strict=True):
            for key in line:
                if key.endswith(("_loss", "_accuracy")):
                    assert line[key] == pytest.approx(other[key], rel=1e-4), key
            assert line.get("tokens") == other.get("tokens")
    control = weights(runs["control"])
    assert not all(torch.allclose(weight, control[name], rtol=1e-4, atol=2e-5) for name, weight in expected.items())


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds the process by Linux's /proc")
def test_the_death_of_one_process_ends_the_others_with_its_name_and_leaves_a_whole_state(finished, tmp_path):
    corpus, _ = finished
    endless = [*SMALL_RUN, "--max-steps", 1_000_000, "--checkpoint-every", 5]
    line = command("--corpus", corpus, "--output", tmp_path / "run", *endless, processes=2)
    with subprocess.Popen(line, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as job:
        while not list(tmp_path.glob("run/training_state/step-*")) and job.poll() is None:
            time.sleep(0.05)
        workers = Path(f"/proc/{job.pid}/task/{job.pid}/children").read_text().split()
        rank_of = {int(pid): re.search(rb"\0RANK=(\d)", Path(f"/proc/{pid}/environ").read_bytes()) for pid in workers}
        victim = next(pid for pid, rank in rank_of.items() if rank and rank[1] == b"1")
        os.kill(victim, signal.SIGKILL)
        _, said = job.communicate(timeout=60)
    assert job.returncode == 1
    assert re.search(r"Root Cause.*rank +: 1 .*exitcode +: -9", said, re.DOTALL), said
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)
    assert newest_state(tmp_path / "run" / "training_state")[1]["progress"]["step"] % 5 == 0


LONG_RUN = [*SMALL_RUN, "--max-steps", 40, "--accumulate", 2, "--checkpoint-every", 3, "--report-every", 1,
            "--masking-rate", "0.4:0.2", "--mask-copies", 1]  # fmt: skip


@pytest.fixture(scope="module")
def uninterrupted(finished, tmp_path_factory):
    """A run that nobody stops, once for all signals."""
    run = tmp_path_factory.mktemp("uninterrupted") / "run"
    assert pretrain("--corpus", finished[0], "--output", run, *LONG_RUN) == 0
    return run


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_an_interrupted_run_goes_on_bit_for_bit(finished, uninterrupted, tmp_path, number):
    corpus, _ = finished
    expected, run = uninterrupted, tmp_path / "interrupted"
    code = interrupted("train_pretrain", ["--corpus", corpus, "--output", run, *LONG_RUN], run, number)
    assert code == (-signal.SIGKILL if number == signal.SIGKILL else 130)
    step = newest_state(run / "training_state")[1]["progress"]["step"]
    assert 3 <= step < 40
    assert pretrain("--output", run, "--resume") == 0
    assert same_bytes(expected, run)
    states = [newest_state(folder / "training_state")[0] / "__0_0.distcp" for folder in (expected, run)]
    assert states[0].read_bytes() == states[1].read_bytes()  # weights and optimizer state
    logs = [[line for line in read_log(folder / "log.jsonl") if "masked_lm_loss" in line] for folder in (expected, run)]
    assert [line["masked_lm_loss"] for line in logs[0]] == [line["masked_lm_loss"] for line in logs[1]]


def test_a_run_goes_on_from_the_state_before_a_damaged_one(finished, tmp_path, capsys):
    corpus, run = finished
    assert pretrain("--corpus", corpus, "--output", tmp_path / "run", *SMALL_RUN) == 0
    newest = tmp_path / "run" / "training_state" / "step-00000006" / "__0_0.distcp"
    newest.write_bytes(newest.read_bytes()[:-100])
    assert pretrain("--output", tmp_path / "run", "--resume") == 0
    printed = capsys.readouterr().out
    assert "step-00000006: is damaged" in printed
    assert "from step 4" in printed
    assert same_bytes(run, tmp_path / "run")


def test_a_second_phase_goes_on_with_longer_sequences(corpus, tmp_path, capsys):
    def epoch():
        return newest_state(tmp_path / "run" / "training_state")[1]["progress"]["position"][0]

    assert pretrain("--corpus", corpus, "--output", tmp_path / "run", *SMALL_RUN) == 0
    before = epoch()
    assert pretrain("--output", tmp_path / "run", "--resume", "--max-length", 48, "--max-steps", 8) == 0
    assert "sequences go from 24 to 48 tokens" in capsys.readouterr().out
    assert read_log(tmp_path / "run" / "log.jsonl")[-1]["step"] == 8
    assert epoch() == before + 1  # two updates of another pass: the text that was read is not read again


# ---- how long a run is ----


PHASES = ["--phases", "16:20,32:10", "--precision", "fp32"]


@pytest.fixture(scope="module")
def phased(finished, tmp_path_factory):
    """A run of two phases."""
    corpus, _ = finished
    run = tmp_path_factory.mktemp("phased") / "run"
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert pretrain("--corpus", corpus, "--output", run, *NO_LENGTH, *PHASES, "--checkpoint-every", 5) == 0
    (run.parent / "printed.txt").write_text(printed.getvalue())
    return run


def test_phases_are_the_run_of_two_commands_over_one_schedule(finished, phased, tmp_path):
    corpus, _ = finished
    run, flags = tmp_path / "run", ["--corpus", corpus, *NO_LENGTH, "--precision", "fp32", "--max-length", 16]
    assert pretrain(*flags, "--output", run, "--max-steps", 20, "--schedule-to", 30) == 0
    assert pretrain("--output", run, "--resume", "--max-length", 32, "--max-steps", 30) == 0
    assert same_bytes(run, phased)
    assert pretrain(*flags, "--output", tmp_path / "other", "--max-steps", 20) == 0  # the control: two schedules
    assert pretrain("--output", tmp_path / "other", "--resume", "--max-length", 32, "--max-steps", 30) == 0
    assert not same_bytes(tmp_path / "other", phased)


def test_a_run_of_phases_says_so_and_logs_the_length_of_its_sequences(phased):
    printed = (phased.parent / "printed.txt").read_text()
    assert "Run:    30 steps of 8 examples: 20 of up to 16 tokens, then 10 of up to 32 tokens, to" in printed
    reports = [line for line in read_log(phased / "log.jsonl") if "max_length" in line]
    assert [line["max_length"] for line in reports] == [16] * 10 + [32] * 5
    assert reports[-1]["learning_rate"] == pytest.approx(1e-3 / 30)
    shares = [PretrainingBatches(open_corpus(phased / "shards"), load_tokenizer(phased), 8, length, 0).random_pairs
              for length in (16, 32)]  # fmt: skip
    assert f"{shares[0]:.1%}" != f"{shares[1]:.1%}"
    for step, share in zip((20, 22), shares):
        assert re.search(f"step {step} of 30: .* right, {share:.1%} by always guessing 'random'\\)", printed)


@pytest.mark.parametrize("stop", [13, 20, 24])
def test_a_run_of_phases_goes_on_bit_for_bit_in_each_of_them(finished, phased, tmp_path, monkeypatch, stop):
    corpus, _ = finished
    run = tmp_path / "run"
    with monkeypatch.context() as patched:
        interrupt_at(patched, stop)
        flags = [*NO_LENGTH, *PHASES, "--report-every", 1, "--checkpoint-every", 4]
        assert pretrain("--corpus", corpus, "--output", run, *flags) == 130
    assert pretrain("--output", run, "--resume") == 0
    assert same_bytes(run, phased)


def test_a_run_of_phases_that_is_stopped_twice_at_a_boundary_begins_one_pass_there(
    finished, phased, tmp_path, monkeypatch
):
    corpus, _ = finished
    run = tmp_path / "run"
    flags = ["--corpus", corpus, *NO_LENGTH, "--precision", "fp32", "--max-length", 16]
    assert pretrain(*flags, "--output", run, "--max-steps", 20, "--schedule-to", 30) == 0
    assert pretrain("--output", run, "--resume", "--phases", "16:20,32:1") == 0
    shutil.rmtree(run / "training_state" / "step-00000021")
    with monkeypatch.context() as patched:
        patched.setattr(train_pretrain, "train", lambda run, *arguments: arguments[-2]() or "interrupted")
        assert pretrain("--output", run, "--resume", "--phases", "16:20,32:10") == 130  # it saves at once
    assert pretrain("--output", run, "--resume") == 0
    assert same_bytes(run, phased)


def test_an_evaluation_has_the_length_of_its_phase(finished, tmp_path, monkeypatch):
    corpus, _ = finished
    lengths, measure = [], held_out.mean_losses

    def note(model, batches, *arguments):
        lengths.append(max(int(batch.sequences.lengths.max()) for batch in batches))
        return measure(model, batches, *arguments)

    monkeypatch.setattr(held_out, "mean_losses", note)
    flags = [*NO_LENGTH, "--phases", "16:4,40:4", "--eval-every", 4]
    assert pretrain("--corpus", corpus, "--output", tmp_path / "run", *flags) == 0
    assert lengths[0] <= 16 < lengths[1] <= 40


def test_a_plan_reckons_each_phase(tmp_path, capsys):
    run = ["--output", tmp_path / "run", "--device", "cpu", "--vocab-size", 1_000, "--batch-size", 2]
    assert pretrain("--plan", *run, "--phases", "16:20000000,24:10000000") == 0
    table = capsys.readouterr().out
    for start, end, length in (("0", "20,000,000", 16), ("20,000,000", "30,000,000", 24)):
        assert f"Updates {start} to {end}, of {length} tokens:" in table
        assert f"2 examples of {length} tokens" in table
    hours = [float(each) for each in re.findall(r"hours at that rate +([\d.]+) for", table)]
    assert float(re.search(r"All phases: ([\d.]+) hours", table)[1]) == pytest.approx(sum(hours), abs=0.11)


def interrupt_at(monkeypatch, step):
    """The run ends as if it were killed, when it reports at a step or after it."""
    report = Reporter.report

    def report_or_die(reporter, *measured):
        report(reporter, *measured)
        if reporter.progress.step >= step:
            raise KeyboardInterrupt

    monkeypatch.setattr(Reporter, "report", report_or_die)


def uneven_clock(monkeypatch, seed):
    """Between any two looks at the clock, some milliseconds pass."""
    draw, now = random.Random(seed), [0.0]

    def perf_counter():
        now[0] += draw.uniform(0.005, 0.02)
        return now[0]

    monkeypatch.setattr("bert.training.loop.time", SimpleNamespace(perf_counter=perf_counter))


TIMED = ["--max-minutes", 0.05, "--precision", "fp32", "--report-every", 1, "--checkpoint-every", 7]


def test_a_run_of_minutes_that_is_killed_and_resumed_is_the_run_of_the_same_decisions(
    finished, tmp_path, monkeypatch, capsys
):
    corpus, _ = finished
    run = tmp_path / "run"
    flags = ["--corpus", corpus, *NO_LENGTH, "--max-length", 16, *TIMED, "--keep-checkpoints", 5]
    uneven_clock(monkeypatch, 1)
    with monkeypatch.context() as patched:
        interrupt_at(patched, 26)
        assert pretrain(*flags, "--output", run) == 130
    assert newest_state(run / "training_state")[1]["progress"]["step"] == 21
    assert pretrain("--output", run, "--resume") == 0
    printed = capsys.readouterr().out
    assert "0.05 minutes, to which the schedule is fitted, in steps of 8 examples of up to 16 tokens" in printed
    log = [line for line in read_log(run / "log.jsonl") if "learning_rate" in line]
    assert log[-1]["step"] == log[-1]["planned_steps"]
    assert log[-1]["learning_rate"] < 1e-3 * 0.2  # of some 36 updates
    assert log[-1]["seconds"] == pytest.approx(3, rel=0.1)
    kept = sorted(folder.name for folder in (run / "checkpoints").iterdir())
    assert (len(kept), kept[0], kept[-1]) == (5, "step-00000000", f"step-{log[-1]['step']:08d}")

    def again(name, with_decisions):
        """From the beginning, with the settings and the decisions of the run alone, by another clock."""
        other = tmp_path / name
        shutil.copytree(run, other, ignore=shutil.ignore_patterns("step-*", "model.safetensors"))
        if not with_decisions:
            (other / "training_state" / "decisions.json").unlink()
        uneven_clock(monkeypatch, 2)
        assert pretrain("--output", other, "--resume") == 0
        return other

    same = again("same", with_decisions=True)
    assert same_bytes(same, run)
    assert sorted(folder.name for folder in (same / "checkpoints").iterdir()) == kept
    assert all(same_bytes(same / "checkpoints" / name, run / "checkpoints" / name) for name in kept)
    assert not same_bytes(again("by_the_clock", with_decisions=False), run)


def test_more_minutes_for_a_finished_run_raise_its_rate_and_it_says_so(finished, tmp_path, monkeypatch, capsys):
    corpus, _ = finished
    run = tmp_path / "run"
    uneven_clock(monkeypatch, 1)
    flags = ["--corpus", corpus, *SMALL_RUN[:2], *SMALL_RUN[4:], *TIMED]
    assert pretrain(*flags, "--output", run) == 0
    steps = read_log(run / "log.jsonl")[-1]["step"]
    assert pretrain("--output", run, "--resume") == 0  # its time is over
    assert read_log(run / "log.jsonl")[-1]["step"] == steps
    assert "jumps" not in capsys.readouterr().out
    assert pretrain("--output", run, "--resume", "--max-minutes", 0.1) == 0
    assert re.search(r"jumps from .* up to [789]\.\d+e-04", capsys.readouterr().out)
    assert read_log(run / "log.jsonl")[-1]["step"] == pytest.approx(2 * steps, rel=0.2)
    message = error_of(capsys, "--output", run, "--resume", "--schedule-to", 0)
    assert "--schedule-to 0: the run then ends with --max-steps or --epochs" in message


def test_a_longer_run_says_that_its_rate_jumps_and_a_schedule_for_all_of_it_does_not(finished, tmp_path, capsys):
    corpus, _ = finished
    flags = ["--corpus", corpus, *SMALL_RUN, "--precision", "fp32"]
    assert pretrain(*flags, "--output", tmp_path / "two") == 0
    assert pretrain("--output", tmp_path / "two", "--resume", "--max-steps", 12) == 0
    assert "jumps from 1.67e-04 up to 5.00e-04" in capsys.readouterr().out
    assert pretrain(*flags, "--output", tmp_path / "parts", "--schedule-to", 12) == 0
    printed = capsys.readouterr().out
    assert "6 steps of 8 examples of up to 24 tokens" in printed
    assert "of a schedule over 12, to" in printed
    command = re.search(r"The schedule goes on to step 12: python train_pretrain.py (.*)", printed)[1]
    assert pretrain(*command.split()) == 0
    assert "jumps" not in capsys.readouterr().out
    assert pretrain(*flags, "--output", tmp_path / "whole", "--max-steps", 12) == 0
    assert same_bytes(tmp_path / "parts", tmp_path / "whole")
    assert not same_bytes(tmp_path / "two", tmp_path / "whole")


def test_minutes_limit_a_session_if_the_schedule_has_a_length(finished, tmp_path, monkeypatch):
    corpus, _ = finished
    flags = ["--corpus", corpus, *SMALL_RUN[:2], *SMALL_RUN[4:], "--precision", "fp32"]
    assert pretrain(*flags, "--output", tmp_path / "whole", "--max-steps", 40) == 0
    uneven_clock(monkeypatch, 1)
    session = ["--schedule-to", 40, "--max-minutes", 0.01]
    assert pretrain(*flags, "--output", tmp_path / "run", *session) == 0
    sessions = 1
    while (step := read_log(tmp_path / "run" / "log.jsonl")[-1]["step"]) < 40:
        assert pretrain("--output", tmp_path / "run", "--resume") == 0
        assert read_log(tmp_path / "run" / "log.jsonl")[-1]["step"] > step
        sessions += 1
    assert sessions > 2
    assert same_bytes(tmp_path / "whole", tmp_path / "run")


@pytest.mark.parametrize("limit", [{"max_steps": 40}, {"epochs": 2}])
def test_a_run_of_the_time_when_minutes_limited_a_session_goes_on_so(finished, tmp_path, monkeypatch, capsys, limit):
    """Its arguments.json names a limit and minutes, and neither --schedule-to nor --phases."""
    corpus, _ = finished
    run, whole = tmp_path / "run", tmp_path / "whole"
    flags = ["--corpus", corpus, *SMALL_RUN[:2], *SMALL_RUN[4:], "--precision", "fp32"]
    flags += [f"--{name.replace('_', '-')}={value}" for name, value in limit.items()]
    assert pretrain(*flags, "--output", whole) == 0
    uneven_clock(monkeypatch, 1)
    assert pretrain(*flags, "--output", run, "--schedule-to", 0, "--max-minutes", 0.01) == 0
    settings = json.loads((run / "arguments.json").read_text())
    del settings["schedule_to"], settings["phases"]
    (run / "arguments.json").write_text(json.dumps(settings))
    state = newest_state(run / "training_state")[1]["progress"]["step"]
    assert pretrain("--output", run, "--resume") == 0
    assert "in sessions of 0.01 minutes" in capsys.readouterr().out
    assert newest_state(run / "training_state")[1]["progress"]["step"] > state
    assert pretrain("--output", run, "--resume", "--max-minutes", 60) == 0
    assert same_bytes(run, whole)


# ---- flags ----


def test_help_begins_with_the_commands_that_the_script_opens_with(capsys):
    with pytest.raises(SystemExit) as caught:
        pretrain("--help")
    assert caught.value.code == 0
    assert train_pretrain.__doc__.strip() in capsys.readouterr().out


# ---- misuse ----


def error_of(capsys, *arguments) -> str:
    """The one sentence that a wrong call gives, having given exit code 2 and no traceback."""
    assert pretrain(*arguments) == 2
    captured = capsys.readouterr()
    lines = captured.err.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("train_pretrain.py: error: ")
    return lines[0]


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


TEXT = "\n\n".join("\n".join(document) for document in make_documents(60))
BAD_CORPORA = {
    "empty": ("", "corpus is empty"),
    "utf16": (TEXT.encode("utf-16"), r"UTF-16"),
    "latin1": ("Ein Satz.\nNoch eins.\n\nGr\xfc\xdfe.\n".encode("latin-1"), r"line 4.*byte"),
    "single_document": ("One sentence.\nAnother one.\n", "single document.*--no-nsp"),
    "every_line_a_document": ("\n\n".join(TEXT.split("\n")), "single sentence"),
    "too_small": ("A b c.\nD e f.\n\nG h i.\nJ k l.\n\nM n o.\nP q r.\n", "too small.*--batch-size"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD_CORPORA)
def test_a_bad_corpus_is_one_sentence_and_leaves_no_checkpoint(kind, tmp_path, capsys):
    content, message = BAD_CORPORA[kind]
    path = write(tmp_path / f"{kind}.txt", content)
    arguments = [*SMALL_RUN, "--vocab-size", 40, "--corpus", path, "--output", tmp_path / "run"]
    assert re.search(message, error_of(capsys, *arguments))
    assert not (tmp_path / "run" / "config.json").exists()
    assert not (tmp_path / "run" / "arguments.json").exists()
    assert not list(tmp_path.rglob("*.tmp"))


def test_no_such_file_is_named(tmp_path, capsys):
    message = error_of(capsys, *SMALL_RUN, "--corpus", tmp_path / "none.txt", "--output", tmp_path / "run")
    assert "none.txt" in message
    assert not (tmp_path / "run").exists()


def test_a_byte_order_mark_and_windows_line_ends_change_nothing(finished, tmp_path):
    corpus, run = finished
    other = write(tmp_path / "windows.txt", b"\xef\xbb\xbf" + corpus.read_bytes().replace(b"\n", b"\r\n"))
    assert pretrain("--corpus", other, "--output", tmp_path / "run", *SMALL_RUN) == 0
    assert same_bytes(run, tmp_path / "run")


def test_replaced_bytes_are_counted_aloud(corpus, tmp_path, capsys):
    broken = write(tmp_path / "broken.txt", corpus.read_bytes() + b"\n\nGr\xfc\xdfe.\nSo.\n")
    arguments = [*SMALL_RUN, "--corpus", broken, "--output", tmp_path / "run", "--encoding-errors", "replace"]
    assert pretrain(*arguments) == 0
    assert re.search(r"broken\.txt.*2 ", capsys.readouterr().out)


def test_when_most_pairs_must_be_random_it_says_so_with_the_share(finished, tmp_path, capsys):
    corpus, run = finished
    share = read_log(run / "log.jsonl")[0]["random_pairs"]
    assert share > 0.6  # an input takes one sentence or two
    assert f"Note: {share:.1%} of the sentence pairs are random" in (run.parent / "printed.txt").read_text()
    sentences = corpus.read_text(encoding="utf-8").replace("\n\n", "\n").split("\n")
    long_documents = ["\n".join(sentences[first::5]) for first in range(5)]
    path = write(tmp_path / "long.txt", "\n\n".join(long_documents))
    flags = ["--corpus", path, *SMALL_RUN, "--max-steps", 2]
    assert pretrain(*flags, "--max-length", 128, "--output", tmp_path / "run") == 0
    assert 0.4 < read_log(tmp_path / "run" / "log.jsonl")[0]["random_pairs"] < 0.6
    assert pretrain(*flags, "--no-nsp", "--output", tmp_path / "alone") == 0
    assert not {"random_pairs", "majority_next_sentence_loss"} & read_log(tmp_path / "alone" / "log.jsonl")[0].keys()
    assert "pairs are random" not in capsys.readouterr().out


def test_json_lines_train_the_run_that_their_text_trains_and_files_without_text_are_named(finished, tmp_path, capsys):
    corpus, run = finished
    documents = corpus.read_text(encoding="utf-8").split("\n\n")
    lines = "\n".join(json.dumps({"id": 1, "content": document}) for document in documents)
    nothing = write(tmp_path / "nothing.txt", "\n")
    flags = ["--corpus", nothing, write(tmp_path / "c.jsonl", lines), *SMALL_RUN]
    assert pretrain(*flags, "--text-column", "content", "--output", tmp_path / "run") == 0
    assert same_bytes(run, tmp_path / "run")
    without_size = [flag for flag in flags if flag not in ("--vocab-size", "90")]
    assert capsys.readouterr().out.count(f"1 of the corpus's 2 files hold no text: {nothing}") == 1
    assert pretrain(*without_size, "--text-column", "content", "--vocab", run, "--output", tmp_path / "given") == 0
    assert capsys.readouterr().out.count("files hold no text") == 1
    assert "line 1: has no key 'text'" in error_of(capsys, *flags, "--output", tmp_path / "other")


def test_flags_that_do_not_go_together_are_refused_before_anything_is_read(finished, tmp_path, capsys):
    corpus, run = finished
    new = ["--corpus", corpus, "--output", tmp_path / "run"]
    assert "512 positions" in error_of(capsys, *new, "--max-length", 513)
    assert "holds a run already" in error_of(capsys, "--corpus", corpus, "--output", run, *SMALL_RUN)
    assert "nothing to resume from" in error_of(capsys, "--output", tmp_path / "run", "--resume")
    assert "--size mini is not what" in error_of(capsys, "--output", run, "--resume", "--size", "mini")
    for flag, value in (("--max-length", 16), ("--max-steps", 9), ("--epochs", 2), ("--max-minutes", 1),
                        ("--schedule-to", 9)):  # fmt: skip
        assert f"{flag}: --phases 16:9 says how long" in error_of(capsys, *new, "--phases", "16:9", flag, value)
    for phases in ("", "16", "16:", "16:0", "a:3", "16:3,", "16:3:4", "16:-1", "16 3"):
        assert "is no list of lengths with updates" in error_of(capsys, *new, "--phases", phases)
    assert "are above" in error_of(capsys, *new, "--phases", "16:2000000000,24:2000000000")
    message = error_of(capsys, *new, "--phases", "16:3,513:3")
    assert "--phases 16:3,513:3: 513 is above the 512 positions" in message
    assert "--phases 16:3,7:3: 7: an input has two or three" in error_of(capsys, *new, "--phases", "16:3,7:3")
    assert "--max-steps 9 is above --schedule-to 8" in error_of(capsys, *new, "--max-steps", 9, "--schedule-to", 8)
    assert "--max-minutes" in error_of(capsys, *new, "--max-minutes", 0)
    assert not (tmp_path / "run").exists()
    assert "multiple of 3" in error_of(capsys, *new, *SMALL_RUN, "--accumulate", 3)
    for wrong in ("--max-steps 0", "--dropout 1", "--learning-rate -1", "--size huge", "--max-l 9"):
        assert wrong.split()[0] in error_of(capsys, *new, *wrong.split())
    assert "leave room for text" in error_of(capsys, *new, "--max-length", 7)
    assert "1000000 processes are too many; use at most 256" in error_of(capsys, *new, "--workers", 1_000_000)
    assert "the name is empty" in error_of(capsys, "--corpus", corpus, "--output", "")
    assert "is no directory" in error_of(capsys, "--corpus", corpus, "--output", corpus / "run")
    assert "is no directory" in error_of(capsys, *new, "--shards", corpus)
    for flags in (["--cased"], ["--tokenizer", "wordpiece"], ["--vocab-size", 90]):
        assert f"{flags[0]}: it would change nothing" in error_of(capsys, *new, "--vocab", run, *flags)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "facts.json").write_text("{}")
    message = error_of(capsys, *new, *SMALL_RUN, "--shards", tmp_path / "mine")
    assert "facts.json: is not of a tokenized corpus" in message


def test_of_both_limits_the_sooner_ends_the_run(corpus, tmp_path):
    flags = ["--corpus", corpus, *SMALL_RUN, "--epochs", 50]
    assert pretrain(*flags, "--output", tmp_path / "run", "--max-steps", 2) == 0
    assert read_log(tmp_path / "run" / "log.jsonl")[-1]["step"] == 2


def test_a_run_that_saved_nothing_yet_begins_anew(corpus, tmp_path, capsys):
    flags = ["--corpus", corpus, *SMALL_RUN]
    assert pretrain(*flags, "--output", tmp_path / "whole", "--max-length", 20) == 0
    run = tmp_path / "run"
    assert pretrain(*flags, "--output", run) == 0
    shutil.rmtree(run / "training_state")
    (run / "model.safetensors").unlink()
    assert pretrain("--output", run, "--resume", "--max-length", 20) == 0
    assert "Nothing has been saved" in capsys.readouterr().out
    assert same_bytes(tmp_path / "whole", run)


def test_a_run_without_a_file_of_its_tokenizer_is_not_resumed_with_another(corpus, tmp_path, capsys):
    """A run of the time before vocab.txt was written last, killed between the two files."""
    run = tmp_path / "run"
    corpus.write_text(corpus.read_text().lower())  # so that no piece shows that capitals stay
    assert pretrain("--corpus", corpus, *SMALL_RUN, "--cased", "--output", run) == 0
    shutil.rmtree(run / "training_state")
    (run / "model.safetensors").unlink()
    (run / "tokenizer.json").unlink()  # such a run had none
    settings = (run / "tokenizer_config.json").read_bytes()
    (run / "tokenizer_config.json").unlink()
    assert "its tokenizer is not the one" in error_of(capsys, "--output", run, "--resume")
    (run / "tokenizer_config.json").write_bytes(settings)
    assert pretrain("--output", run, "--resume") == 0
    assert not load_tokenizer(run).lowercase


def test_a_run_that_was_moved_goes_on_where_it_is(corpus, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    flags = ["--corpus", corpus, *SMALL_RUN, "--output", "there"]
    assert pretrain(*flags, "--max-steps", 8) == 0
    shutil.copytree(tmp_path / "there", tmp_path / "whole")
    shutil.rmtree(tmp_path / "there")
    assert pretrain(*flags) == 0
    (tmp_path / "runs").mkdir()
    (tmp_path / "there").rename(tmp_path / "runs" / "pretrain")  # the default --output
    assert pretrain("--resume", "--max-steps", 8) == 0
    assert not (tmp_path / "there").exists()
    assert "from step 6" in capsys.readouterr().out
    assert json.loads((tmp_path / "runs" / "pretrain" / "arguments.json").read_text())["output"] == "runs/pretrain"


def test_a_resumed_run_reads_shards_elsewhere_and_writes_none(corpus, tmp_path, capsys):
    run, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    assert pretrain("--corpus", corpus, *SMALL_RUN, "--output", run, "--shards", elsewhere) == 0
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in elsewhere.iterdir()}
    assert pretrain("--output", run, "--resume", "--max-steps", 7) == 0
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in elsewhere.iterdir()} == before
    assert not (run / "shards").exists()
    (elsewhere / "facts.json").write_text("{}")  # now it is somebody's directory
    assert pretrain("--output", run, "--resume", "--max-steps", 8) == 0
    assert "it is made there" in capsys.readouterr().out
    assert (elsewhere / "facts.json").read_text() == "{}"
    assert (run / "shards" / "facts.json").exists()


def test_a_run_whose_directory_disappears_ends_in_a_sentence_and_is_not_begun_anew(
    corpus, tmp_path, monkeypatch, capsys
):
    run, save = tmp_path / "run", Run.save

    def save_and_move(*arguments, **own):
        save(*arguments, **own)
        run.rename(tmp_path / "moved")

    monkeypatch.setattr(Run, "save", save_and_move)
    assert "removed or renamed" in error_of(capsys, "--corpus", corpus, *SMALL_RUN, "--output", run)
    assert not (run / "training_state").exists()
    assert newest_state(tmp_path / "moved" / "training_state")


def test_another_corpus_is_another_run(corpus, tmp_path, capsys):
    own, run = tmp_path / "own.txt", tmp_path / "run"
    own.write_bytes(corpus.read_bytes())
    assert pretrain("--corpus", own, *SMALL_RUN, "--output", run) == 0
    before = (run / "model.safetensors").read_bytes()
    own.write_text("\n\n".join(reversed(corpus.read_text().split("\n\n"))))
    assert "other corpus or vocabulary" in error_of(capsys, "--output", run, "--resume", "--max-steps", 8)
    assert (run / "model.safetensors").read_bytes() == before
    own.write_bytes(corpus.read_bytes())
    assert pretrain("--output", run, "--resume", "--max-steps", 8) == 0


def test_a_corpus_too_small_to_hold_documents_out_is_said_to_be(tmp_path, capsys):
    corpus, run = tmp_path / "corpus.txt", tmp_path / "run"
    corpus.write_text("\n\n".join("\n".join(document) for document in make_documents(2)), encoding="utf-8")
    flags = ["--no-nsp", "--batch-size", 1, "--vocab-size", 60, "--epochs", 1]
    assert pretrain("--corpus", corpus, *SMALL_RUN, *flags, "--output", run) == 0
    printed = capsys.readouterr().out
    assert "too small to hold documents out" in printed
    assert "nan" not in printed


def test_a_vocabulary_that_does_not_fit_the_run_is_refused(corpus, tmp_path, capsys):
    run = tmp_path / "run"
    assert pretrain("--corpus", corpus, "--output", run, *SMALL_RUN) == 0
    write(run / "vocab.txt", (run / "vocab.txt").read_text() + "another\n")
    capsys.readouterr()
    assert "vocabulary" in error_of(capsys, "--output", run, "--resume")


def test_a_full_disk_keeps_the_last_checkpoint(corpus, tmp_path, capsys, monkeypatch):
    import errno

    from torch.distributed.checkpoint.filesystem import FileSystemWriter

    run = tmp_path / "run"
    write, calls = FileSystemWriter.write_data, []

    def full_at_the_second(*arguments):
        calls.append(1)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(*arguments)

    monkeypatch.setattr(FileSystemWriter, "write_data", full_at_the_second)
    assert "the disk is full" in error_of(capsys, "--corpus", corpus, "--output", run, *SMALL_RUN)
    assert newest_state(run / "training_state")[1]["progress"]["step"] == 2
    assert load_checkpoint(run, BertForPreTraining)
    assert not list(run.rglob("*.tmp"))


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_last_checkpoint(corpus, tmp_path, capsys, monkeypatch):
    run = tmp_path / "run"
    losses, calls = BertForPreTraining.losses, []

    def broken_at_the_fourth_update(model, batch):
        calls.append(1)
        by_name = losses(model, batch)
        if len(calls) == 4:
            by_name["masked_lm"] = by_name["masked_lm"]._replace(sum=by_name["masked_lm"].sum * float("nan"))
        return by_name

    monkeypatch.setattr(BertForPreTraining, "losses", broken_at_the_fourth_update)
    message = error_of(capsys, "--corpus", corpus, "--output", run, *SMALL_RUN)
    assert re.search(r"not a finite number at step 4 \(examples of epoch 0 that begin at the tokens \d+, ", message)
    assert newest_state(run / "training_state")[1]["progress"]["step"] == 2
    assert all(weight.isfinite().all() for weight in weights(run).values())


def test_base_and_large_have_the_papers_recipe_and_tiny_departs_where_it_says(tmp_path):
    paper = {"batch_size": 256, "learning_rate": 1e-4, "max_steps": 1_000_000, "dropout": 0.1}
    for size in ("base", "large"):
        recipe = vars(train_pretrain.read_settings(["--size", size, "--output", str(tmp_path / "run")]))
        assert recipe | paper == recipe
        assert (recipe["initializer_range"], recipe["sinusoidal_start"]) == (0.02, False)
    tiny = train_pretrain.read_settings(["--output", str(tmp_path / "run")])
    assert (tiny.size, tiny.dropout, tiny.initializer_range, tiny.sinusoidal_start) == ("tiny", 0.0, 0.05, True)


def test_settings_are_saved_as_json(finished):
    _, run = finished
    assert json.loads((run / "arguments.json").read_text())["max_length"] == 24
