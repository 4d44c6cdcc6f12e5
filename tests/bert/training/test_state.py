"""Training states: a state is whole or not there, and the newest two are kept."""

import resource
import subprocess

import pytest
import torch

from bert.errors import InputError
from bert.training.distributed import Processes
from bert.training.state import generator_state, restore_generator_state, save_state, saved_states
from bert.training.state_reading import load_tensors, newest_state

ALONE = Processes(0, 1, torch.device("cpu"))
FILES = [".metadata", "SHA256SUMS", "__0_0.distcp", "run.pt"]


def saved(directory, *steps):
    for step in steps:
        save_state(directory, step, {"model": {"weights": torch.full((3,), float(step))}}, {"step": step}, ALONE)


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def test_the_newest_state_comes_back(tmp_path):
    saved(tmp_path, 5, 30)
    path, metadata, complaints = newest_state(tmp_path)
    assert (path.name, metadata, complaints) == ("step-00000030", {"step": 30}, [])
    tensors = {"model": {"weights": torch.zeros(3)}}
    load_tensors(path, tensors)
    assert tensors["model"]["weights"].tolist() == [30.0] * 3
    assert names(path) == FILES


def test_the_two_newest_are_kept_by_number_not_by_name(tmp_path):
    saved(tmp_path, 9, 99_999_999, 100_000_000)
    assert names(tmp_path) == ["step-100000000", "step-99999999"]
    assert newest_state(tmp_path)[1]["step"] == 100_000_000


def test_a_state_of_the_same_step_comes_beside_the_one_before_it(tmp_path):
    saved(tmp_path, 1, 2)
    for value in (1.0, 2.0):
        save_state(tmp_path, 2, {"weights": torch.full((1,), value)}, {"step": value}, ALONE)
    assert [path.name for path in saved_states(tmp_path)] == ["step-00000002-again-again", "step-00000002-again"]
    assert newest_state(tmp_path)[1]["step"] == 2.0


def test_what_was_just_saved_is_kept_whatever_else_there_is(tmp_path):
    saved(tmp_path, 9_000, 9_500, 100)
    assert names(tmp_path) == ["step-00000100", "step-00009500"]


def test_the_checksums_are_what_sha256sum_says(tmp_path):
    saved(tmp_path, 7)
    said = subprocess.run(["sha256sum", "--check", "SHA256SUMS"], cwd=tmp_path / "step-00000007", capture_output=True)
    assert said.returncode == 0
    assert said.stdout.decode().split() == [".metadata:", "OK", "__0_0.distcp:", "OK", "run.pt:", "OK"]


def test_random_numbers_go_on_from_where_they_were():
    device = torch.device("cpu")
    before = generator_state(device)
    first = torch.rand(3)
    assert not torch.rand(3).equal(first)
    restore_generator_state(before, device)
    assert torch.rand(3).equal(first)


def test_what_a_killed_run_left_half_written_is_removed(tmp_path):
    (tmp_path / ".step-00000001.tmp").mkdir()
    (tmp_path / ".step-00000001.tmp" / "__0_0.distcp").touch()
    saved(tmp_path, 2)
    assert names(tmp_path) == ["step-00000002"]


def test_a_state_of_a_run_that_was_moved_away_is_not_begun_in_its_old_place(tmp_path):
    with pytest.raises(InputError, match=r"gone/training_state: cannot be written .*removed or renamed"):
        saved(tmp_path / "gone" / "training_state", 1)
    assert not (tmp_path / "gone").exists()


@pytest.mark.parametrize("limit", [1_000, 30_000])
def test_a_file_that_cannot_grow_is_one_sentence_and_the_state_before_is_kept(tmp_path, limit):
    """The limit stops PyTorch's own writers, in a file of 40,000 bytes. They hide the OSError."""
    saved(tmp_path, 1)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        with pytest.raises(InputError, match=r"cannot be written .*File too large.*ulimit -f"):
            save_state(tmp_path, 2, {"weights": torch.zeros(10_000)}, {}, ALONE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert names(tmp_path) == ["step-00000001"]
