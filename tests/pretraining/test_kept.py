"""--keep-checkpoints: as many as asked for, evenly spaced on a log scale, the same ones however often a run stops."""

import contextlib
import io
import math
import random
import shutil
from itertools import pairwise

import pytest
import torch

import train_pretrain
from bert.checkpoints.directory import load_checkpoint
from bert.checkpoints.vocabulary import load_tokenizer
from bert.heads.pretraining import BertForPreTraining
from pretraining.kept import KeptCheckpoints, next_update, with_room
from pretraining.settings import read_settings
from pretraining.start import make_model
from tests.conftest import make_documents, weights_of

FLAGS = [
    "--vocab-size", 90, "--max-steps", 12, "--batch-size", 4, "--max-length", 16, "--workers", 1, "--device", "cpu",
    "--precision", "fp32", "--eval-examples", 4, "--checkpoint-every", 5, "--keep-checkpoints", 5,
]  # fmt: skip
EXPECTED = [0, 1, 3, 6, 12]  # each about twice as late, counted from 1


def pretrain(*arguments) -> int:
    with contextlib.redirect_stdout(io.StringIO()):
        return train_pretrain.main([str(argument) for argument in arguments])


def kept_in(run) -> dict[int, dict]:
    """The weights of each kept checkpoint, by its update."""
    return {int(folder.name[5:]): weights_of(folder) for folder in sorted((run / "checkpoints").iterdir())}


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "corpus.txt"
    path.write_text("\n\n".join("\n".join(document) for document in make_documents(20)), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def whole(text, tmp_path_factory):
    """A run that never stopped."""
    run = tmp_path_factory.mktemp("whole") / "run"
    assert pretrain("--corpus", text, *FLAGS, "--output", run) == 0
    return run


# ---- which updates ----


def all_kept(count, end, begun=(0,)):
    kept = list(begun)
    while len(kept) < count and kept[-1] < end:
        kept.append(next_update(kept, count, end))
    return kept


@pytest.mark.parametrize("end", [1, 2, 9, 40, 9_500, 1_000_000])
@pytest.mark.parametrize("count", [2, 3, 10, 25])
def test_they_are_so_many_evenly_spaced_from_the_first_to_the_last(count, end):
    kept = all_kept(count, end)
    assert (kept[0], kept[-1]) == (0, end)
    assert kept == sorted(set(kept))
    assert len(kept) == min(count, end + 1)
    if (1 + end) ** (1 / (count - 1)) > 2:  # else there are too few updates between the first ones
        for number, update in enumerate(kept):
            even = (1 + end) ** (number / (count - 1)) - 1
            assert abs(update - even) <= max(1, 0.15 * even)


def test_if_the_end_is_an_estimate_they_are_as_many_and_the_last_is_at_the_end():
    draw = random.Random(0)
    for _ in range(30):
        count, guess, step, kept = draw.randint(2, 12), draw.randint(50, 500), 0, [0]
        end = guess
        while step < end:
            if step % 10 == 0 and step < guess / 2:
                end = round(guess * draw.uniform(0.8, 1.25))
            step += 1
            if step >= next_update(kept, count, end):
                kept.append(step)
        assert (len(kept), kept[-1]) == (count, end)


def test_a_finished_run_that_goes_on_gives_up_those_that_stand_closest():
    finished = all_kept(10, 1_000)
    longer = with_room(finished, 10, 1_000_000)
    assert longer[0] == 0
    assert set(longer) < set(finished)
    final = all_kept(10, 1_000_000, longer)
    assert (len(final), final[-1]) == (10, 1_000_000)
    gaps = [math.log((1 + later) / (1 + earlier)) for earlier, later in pairwise(final)]
    assert max(gaps) < 2.5 * min(gaps)
    assert with_room(finished, 10, 1_000) == finished
    assert with_room([0, 1_000], 2, 2_000) == [0]  # the first and the last, whatever the count


# ---- what a run keeps ----


def test_a_run_keeps_whole_checkpoints_from_its_initial_weights_to_its_last(whole, text, tmp_path):
    kept = kept_in(whole)
    assert list(kept) == EXPECTED
    assert kept[12] == weights_of(whole)
    settings = read_settings([*map(str, FLAGS), "--output", str(tmp_path / "none")])
    config = load_checkpoint(whole, BertForPreTraining).config
    torch.manual_seed(0)
    initial = make_model(settings, config).state_dict()
    first = load_checkpoint(whole / "checkpoints" / "step-00000000", BertForPreTraining).state_dict()
    assert all(weight.equal(initial[name]) for name, weight in first.items())
    for folder in (whole / "checkpoints").iterdir():
        assert load_tokenizer(folder).vocabulary == load_tokenizer(whole).vocabulary
        assert load_checkpoint(folder, BertForPreTraining).config == config
    assert len({weights["bert.encoder.layer.0.output.dense.weight"] for weights in kept.values()}) == 5


def test_keeping_them_changes_nothing_else(whole, text, tmp_path):
    assert pretrain("--corpus", text, *FLAGS[:-2], "--output", tmp_path / "run") == 0
    assert weights_of(tmp_path / "run") == weights_of(whole)
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_a_run_that_is_killed_again_and_again_keeps_the_same_ones(whole, text, tmp_path, monkeypatch):
    """It dies when the training state is saved, and the checkpoint is not yet kept."""
    keep, run = KeptCheckpoints.keep, tmp_path / "run"
    flags = ["--corpus", text, *FLAGS, "--output", run]
    for dies_at in (0, 3):

        def die(kept, tokenizer, dies_at=dies_at):
            if kept._run.progress.step == dies_at:
                raise KeyboardInterrupt
            keep(kept, tokenizer)

        with monkeypatch.context() as patched:
            patched.setattr(KeptCheckpoints, "keep", die)
            assert pretrain(*flags) == 130
        flags = ["--output", run, "--resume"]
    assert list(kept_in(run)) == [0, 1]
    (run / "checkpoints" / ".step-00000003.tmp").mkdir()
    (run / "checkpoints" / "step-00000009").mkdir()  # beyond the state: of a newer one that was damaged
    assert pretrain(*flags) == 0
    assert kept_in(run) == kept_in(whole)


def test_a_run_in_parts_of_one_schedule_keeps_the_same_ones(whole, text, tmp_path):
    run = tmp_path / "run"
    assert pretrain("--corpus", text, *FLAGS, "--max-steps", 4, "--schedule-to", 12, "--output", run) == 0
    assert list(kept_in(run)) == EXPECTED[:3]
    assert pretrain("--output", run, "--resume", "--max-steps", 12) == 0
    assert kept_in(run) == kept_in(whole)


def test_a_finished_run_that_goes_on_keeps_as_many(whole, tmp_path):
    run = shutil.copytree(whole, tmp_path / "run")
    assert pretrain("--output", run, "--resume", "--max-steps", 18) == 0
    assert list(kept_in(run)) == [0, 1, 3, 6, 18]  # 12 stands too close to the new end


def test_what_cannot_be_is_refused_in_a_sentence(whole, tmp_path, capsys):
    for number in ("1", "0", "-3", "many"):
        assert pretrain("--output", tmp_path / "run", "--keep-checkpoints", number) == 2
        assert "--keep-checkpoints" in capsys.readouterr().err
    assert pretrain("--output", whole, "--resume", "--keep-checkpoints", 4) == 2
    assert "--keep-checkpoints 4 is not what" in capsys.readouterr().err
    (tmp_path / "other" / "checkpoints").mkdir(parents=True)
    assert pretrain("--output", tmp_path / "other") == 2
    assert "holds a run already (checkpoints)" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
