"""An update that is computed again is the update that the run made, to the last bit, and the run stays as it is."""

import contextlib
import hashlib
import io
import json
import math
import random
import shutil
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import train_pretrain
from bert.__main__ import main
from bert.checkpoints.weights import read_safetensors
from bert.training import loop
from pretraining.replay.replay import replay
from pretraining.replay.source import read_source
from tests.conftest import make_documents

FLAGS = [
    "--vocab-size", 90, "--max-steps", 12, "--batch-size", 4, "--max-length", 16, "--workers", 1, "--device", "cpu",
    "--precision", "fp32", "--eval-examples", 4, "--checkpoint-every", 4, "--report-every", 5, "--dropout", 0.1,
]  # fmt: skip
N = 10  # the update that the tests look at: the states before it are of updates 4 and 8


def pretrain(*arguments) -> int:
    with contextlib.redirect_stdout(io.StringIO()):
        return train_pretrain.main([str(argument) for argument in arguments])


def command(*arguments) -> tuple[int, str, str]:
    """The exit code, the output and the errors of ``python -m bert replay``."""
    with contextlib.redirect_stdout(io.StringIO()) as output, contextlib.redirect_stderr(io.StringIO()) as errors:
        code = main(["replay", *map(str, arguments)])
    return code, output.getvalue(), errors.getvalue()


def content_of(folder) -> dict[str, str]:
    """A digest of each file below a folder, with the time of its last change."""
    return {
        str(path.relative_to(folder)): f"{hashlib.sha256(path.read_bytes()).hexdigest()} {path.stat().st_mtime_ns}"
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


class Recorder:
    """What each update of a true run is: noted around the training step, independently of the replay."""

    def __init__(self, monkeypatch):
        self.updates = {}
        step, clip = loop.training_step, nn.utils.clip_grad_norm_
        norms = []

        def noted_clip(parameters, *more, **named):
            parameters = list(parameters)
            norms.append(
                math.sqrt(sum(float((each.grad.double() ** 2).sum()) for each in parameters if each.grad is not None))
            )
            return clip(parameters, *more, **named)

        def noted_step(run, micro_batches, counts, totals, largest):
            before = {name: weight.detach().clone() for name, weight in run.model.named_parameters()}
            losses = []
            hook = run.losses.register_forward_hook(lambda module, inputs, made: losses.append(made))
            result = step(run, micro_batches, counts, totals, largest)
            hook.remove()
            after = {name: weight.detach().clone() for name, weight in run.model.named_parameters()}
            self.updates[run.progress.step + 1] = {
                "loss": {name: sum(float(made[name].sum.detach()) for made in losses) for name in losses[0]},
                "ids": torch.cat([batch.input_ids for batch in micro_batches]).tolist(),
                "labels": torch.cat([batch.labels["masked_labels"] for batch in micro_batches]).tolist(),
                "norm": norms.pop(), "before": before, "after": after,
                "learning_rate": run.optimizer.param_groups[0]["lr"],
            }  # fmt: skip
            return result

        monkeypatch.setattr(loop, "training_step", noted_step)
        monkeypatch.setattr(nn.utils, "clip_grad_norm_", noted_clip)


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "corpus.txt"
    path.write_text("\n\n".join("\n".join(document) for document in make_documents(20)), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def made(text, tmp_path_factory):
    """A run with dropout, and what each of its updates was."""
    run = tmp_path_factory.mktemp("made") / "run"
    with pytest.MonkeyPatch.context() as monkeypatch:
        recorder = Recorder(monkeypatch)
        assert pretrain("--corpus", text, *FLAGS, "--keep-checkpoints", 5, "--output", run) == 0
    return run, recorder.updates


def test_it_is_the_update_that_the_run_made_to_the_last_bit(made):
    run, updates = made
    for update, start in ((N, 8), (6, 0)):
        replayed, truth = replay(read_source(run), update), updates[update]
        witness = replayed.witness
        assert replayed.start == start
        assert {name: totals[0] for name, totals in witness.losses.items()} == truth["loss"]
        assert witness.learning_rate == truth["learning_rate"]
        assert witness.gradient_norm == pytest.approx(truth["norm"], rel=1e-6)
        assert [token for each in witness.sequences for token in each.ids] == truth["ids"]
        assert [guess.was for each in witness.sequences for guess in each.guesses] == truth["labels"]
        change = {name: truth["after"][name] - weight for name, weight in truth["before"].items()}
        norm = math.sqrt(sum(float((each.double() ** 2).sum()) for each in change.values()))
        assert math.hypot(*(part.change for part in witness.parts)) == pytest.approx(norm, rel=1e-5)
        assert replayed.proofs.found
        assert all(proof.is_same for proof in replayed.proofs.found)
        assert not replayed.notes
        # its parts add up to the whole
        assert math.hypot(*(part.gradient for part in witness.parts)) == pytest.approx(witness.gradient_norm, rel=1e-5)
        losses = [guess.loss for each in witness.sequences for guess in each.guesses]
        assert (sum(losses), len(losses)) == pytest.approx(witness.losses["masked_lm"][:2], rel=1e-5)
        pairs = [each.pair for each in witness.sequences]
        assert sum(pair.loss for pair in pairs) == pytest.approx(truth["loss"]["next_sentence"], rel=1e-5)
        assert sum(pair.is_random == pair.said_random for pair in pairs) == witness.losses["next_sentence"][2]


def test_it_compares_with_reports_kept_checkpoints_and_states_and_names_them(made):
    run, _ = made
    code, output, _ = command(run, "--update", 11)
    assert code == 0
    for line in (
        "step 10, log.jsonl: the same bits (means of updates 6 to 10",
        "step 12, training_state/step-00000012: the same bits",
        "step 12, checkpoints/step-00000012: the same bits",
        "Update 11 is what the run did, as far as these show",
    ):
        assert line in output
    code, output, _ = command(run, "--update", 11, "--no-check")
    assert code == 0
    assert "Whether update 11 is the run's own was not checked" in output
    assert "training_state/step" not in output


def test_a_number_of_the_run_that_is_not_its_own_is_found(made, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(made[0], run)
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    for line in lines:
        if "masked_lm_loss" in line and line["step"] == 10:
            line["masked_lm_loss"] = math.nextafter(line["masked_lm_loss"], 0)
    (run / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    code, output, _ = command(run, "--update", N)
    assert code == 1
    assert "step 10, log.jsonl: differs by up to" in output
    assert "Update 10 is not the run's own to the last bit" in output


def test_nothing_in_the_run_changes_and_the_file_has_all_of_it(made, tmp_path):
    run, _ = made
    before = content_of(run)
    assert command(run, "--update", 3, "--text", "--json", tmp_path / "update.json")[0] == 0
    assert content_of(run) == before
    data = json.loads((tmp_path / "update.json").read_text())
    assert data["update"] == 3
    assert len(data["examples"]) == 4
    assert all(each["same_bits"] for each in data["compared"])
    for each in data["examples"]:
        assert each["read"].count("[MASK]") == sum(guess["read"] == "[MASK]" for guess in each["guesses"])


def test_a_file_that_cannot_be_written_is_refused_before_anything_is_computed(made, tmp_path, monkeypatch):
    run, _ = made
    monkeypatch.setattr("pretraining.replay.command.replay", lambda *_: pytest.fail("it was computed"))
    code, _, error = command(run, "--update", 3, "--json", tmp_path)
    assert code == 2 and "cannot be written" in error


def test_what_a_resumed_session_changed_is_computed_as_each_session_had_it(made, text, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(made[0], run)
    longer = ["--max-steps", 15, "--batch-size", 6, "--learning-rate", 0.001, "--max-length", 24]
    assert pretrain("--output", run, "--resume", *longer) == 0
    for state in (run / "training_state").glob("step-*"):  # so that it is computed from the beginning
        if state.name < "step-00000015":
            shutil.rmtree(state)
    replayed = replay(read_source(run), 14)
    assert (replayed.start, replayed.end) == (0, 15)
    assert [proof.step for proof in replayed.proofs.found if proof.where == "log.jsonl"] == [5, 10, 12, 15]
    assert all(proof.is_same for proof in replayed.proofs.found)
    assert len(replayed.witness.sequences) == 6
    sessions = json.loads((run / "training_state/sessions.json").read_text())["sessions"]
    sessions[1]["settings"]["batch_size"] = 4  # control
    (run / "training_state/sessions.json").write_text(json.dumps({"sessions": sessions}))
    assert not all(proof.is_same for proof in replay(read_source(run), 14).proofs.found)


def test_a_damaged_state_is_named_and_the_one_before_it_taken(made, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(made[0], run)
    with open(run / "training_state/step-00000008/__0_0.distcp", "r+b") as file:
        file.seek(500)
        file.write(b"damage")
    replayed = replay(read_source(run), N)
    assert replayed.start == 0
    assert "step-00000008: is damaged" in replayed.notes[0]
    assert all(proof.is_same for proof in replayed.proofs.found)
    assert [message for message in replayed.proofs.damaged if "step-00000008" in message]


def test_a_kept_checkpoint_of_another_model_is_named_and_not_compared(made, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(made[0], run)
    file = run / "checkpoints/step-00000012/model.safetensors"
    weights = read_safetensors(file)
    save_file({name: weight.repeat(*[2] * weight.dim()) for name, weight in weights.items()}, file)
    code, output, _ = command(run, "--update", 12)
    assert code == 0
    assert "checkpoints/step-00000012: holds other weights than the run's; put back a copy of it; it was" in output
    assert "training_state/step-00000012: the same bits" in output


def test_a_run_of_an_earlier_version_is_computed_by_its_flags_and_its_log(made, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(made[0], run)
    (run / "training_state/sessions.json").unlink()
    replayed = replay(read_source(run), 6)
    assert not replayed.source.is_noted
    assert all(proof.is_same for proof in replayed.proofs.found)
    log = (run / "log.jsonl").read_text()
    (run / "log.jsonl").write_text(log.replace('"precision": "fp32"', '"precision": "unknown"'))
    assert read_source(run).sessions[0].precision == "auto"
    sessions = json.loads((made[0] / "training_state/sessions.json").read_text())["sessions"]
    sessions[0]["step"] = 12  # resumed by this version
    (run / "training_state/sessions.json").write_text(json.dumps({"sessions": sessions}))
    code, _, errors = command(run, "--update", 6)
    assert code == 2
    assert "did not write down with which flags; name an --update above 12" in errors


@pytest.mark.parametrize(
    ("change", "update", "complaint"),
    [
        (lambda run: None, 13, "has made 12 updates; name one from 1 to that"),
        (lambda run: shutil.rmtree(run), 3, "no such directory; name the directory of a run"),
        (lambda run: (run / "arguments.json").unlink(), 3, "holds no run"),
        (lambda run: (run / "arguments.json").write_text('{"task": "x"}'), 3, "is no run of train_pretrain.py"),
        (lambda run: shutil.rmtree(run / "shards"), 3, "it held the run's tokenized corpus; put it back"),
        (lambda run: (run / "shards/tokens.bin").write_bytes(b""), 3, "were written; put it back"),
        (lambda run: swap_lines(run / "vocab.txt"), 3, "its vocabulary or tokenizer_config.json was changed"),
        (lambda run: (run / "training_state/sessions.json").write_text('{"sessions": [{}]}'), 3, "session 1: has no"),
        (lambda run: (run / "training_state/decisions.json").write_text('{"threads": [[0, 9999]]}'), 3, "9,999 thr"),
        (lambda run: set_precision(run, "fp8"), 3, "precision is 'fp8'; one of fp32, bf16, fp16 was expected"),
        (lambda run: set_precision(run, "fp16"), 3, "the run computed in fp16, which needs a CUDA GPU"),
    ],
)
def test_what_is_missing_or_changed_is_one_sentence(made, tmp_path, change, update, complaint):
    run = tmp_path / "run"
    shutil.copytree(made[0], run)
    change(run)
    code, output, errors = command(run, "--update", update)
    assert code == 2
    assert output == ""
    assert complaint in errors
    assert len(errors.splitlines()) == 1
    assert "replay-" not in errors.replace("bert replay", "")  # the temporary directory


def set_precision(run, name) -> None:
    file = run / "training_state/sessions.json"
    sessions = json.loads(file.read_text())["sessions"]
    sessions[0]["precision"] = name
    file.write_text(json.dumps({"sessions": sessions}))


def swap_lines(path) -> None:
    (path.parent / "tokenizer.json").unlink()  # it would show the change
    lines = path.read_text().splitlines()
    lines[20], lines[21] = lines[21], lines[20]
    path.write_text("\n".join(lines) + "\n")


def test_without_the_clone_it_says_so(made, monkeypatch):
    monkeypatch.setattr("bert.commands.replay.has_pretraining", lambda: False)
    code, _, errors = command(made[0], "--update", 3)
    assert code == 2
    assert "that is in the clone: run it there" in errors


def test_a_file_in_the_runs_directory_is_not_written(made):
    code, _, errors = command(made[0], "--update", 3, "--json", made[0] / "log.jsonl")
    assert code == 2
    assert "where nothing is to change" in errors


def test_a_run_that_continues_a_checkpoint_begins_with_it_again(made, text, tmp_path):
    run, base = tmp_path / "run", tmp_path / "base"
    shutil.copytree(made[0], base)
    flags = ["--max-steps", 3, "--batch-size", 4, "--max-length", 16, "--device", "cpu", "--precision", "fp32"]
    assert pretrain("--checkpoint", base, "--corpus", text, *flags, "--workers", 1, "--output", run) == 0
    assert all(proof.is_same for proof in replay(read_source(run), 2).proofs.found)
    shutil.rmtree(base)
    code, _, errors = command(run, "--update", 2)
    assert code == 2
    assert "which is not there; put it back, or name an --update after a training state" in errors


@pytest.fixture
def uneven_clock(monkeypatch):
    """Training reads a clock that goes on by itself, a little at each look."""
    draw, now = random.Random(1), [0.0]

    def perf_counter():
        now[0] += draw.uniform(0.005, 0.02)
        return now[0]

    monkeypatch.setattr("bert.training.loop.time", SimpleNamespace(perf_counter=perf_counter))


def test_what_the_clock_decided_is_taken_from_the_run(text, tmp_path, uneven_clock):
    flags = [each for each in FLAGS if each not in ("--max-steps", 12)]
    assert pretrain("--corpus", text, *flags, "--max-minutes", 0.015, "--output", tmp_path / "run") == 0
    source = read_source(tmp_path / "run")
    assert 10 < source.end < 30
    replayed = replay(source, source.end)
    assert len(replayed.proofs.found) > 1
    assert all(proof.is_same for proof in replayed.proofs.found)
    (tmp_path / "run/training_state/decisions.json").unlink()
    code, _, errors = command(tmp_path / "run", "--update", 3)
    assert code == 2
    assert "the clock decided its learning rates (--max-minutes)" in errors


def test_minutes_that_a_later_session_was_given_count_from_the_runs_own_seconds(text, tmp_path, uneven_clock):
    run = tmp_path / "run"
    assert pretrain("--corpus", text, *FLAGS, "--max-steps", 6, "--output", run) == 0
    assert pretrain("--resume", "--max-minutes", 0.015, "--output", run) == 0
    end = read_source(run).end
    assert end > 6
    for state in (run / "training_state").glob("step-*"):  # so that it is computed from the beginning
        if state.name < f"step-{end:08d}":
            shutil.rmtree(state)
    assert all(proof.is_same for proof in replay(read_source(run), end).proofs.found)
    sessions = json.loads((run / "training_state/sessions.json").read_text())["sessions"]
    sessions[1]["seconds"] /= 2  # the control
    (run / "training_state/sessions.json").write_text(json.dumps({"sessions": sessions}))
    assert not all(proof.is_same for proof in replay(read_source(run), end).proofs.found)


@pytest.mark.parametrize("flags", [
    ["--optimizer", "muon", "--average", 3, "--keep-checkpoints", 4, "--masking-rate", "0.4:0.1", "--mask-shares",
     "100,0,0", "--mask-copies", 2, "--whole-word-masking"],
    ["--no-nsp", "--join-examples", 2, "--optimizer", "adamw"],
])  # fmt: skip
def test_runs_that_depart_from_the_paper_are_computed_alike(text, tmp_path, flags):
    run = tmp_path / "run"
    assert pretrain("--corpus", text, *FLAGS, "--max-steps", 6, *flags, "--output", run) == 0
    code, output, _ = command(run, "--update", 6, "--text")
    assert code == 0
    assert "log.jsonl: the same bits" in output
    assert ("checkpoints/step-00000006: the same bits" in output) == ("--keep-checkpoints" in flags)
    if "--masking-rate" in flags:
        assert "masking rate 15.00%" in output
    if "--join-examples" in flags:
        assert output.count("[CLS]") == 2 * 4  # four examples, as the text and as it was read


def test_of_two_processes_it_claims_no_bits(made, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(made[0], run)
    file = run / "training_state/sessions.json"
    sessions = json.loads(file.read_text())["sessions"]
    sessions[0]["processes"] = 2
    file.write_text(json.dumps({"sessions": sessions}))
    replayed = replay(read_source(run), 4)
    assert "the run had 2 processes" in replayed.notes[0]
    assert len(replayed.witness.sequences) == 4
