"""Training states: the newest whole one is used, and damage is reported."""

import hashlib
import io
import pickle
import resource
import subprocess

import pytest
import torch
from torch.distributed import checkpoint

from bert.errors import InputError
from bert.training.distributed import Processes
from bert.training.state import (
    generator_state,
    load_tensors,
    newest_state,
    restore_generator_state,
    save_state,
    saved_states,
)

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


@pytest.mark.parametrize("file", ["run.pt", "__0_0.distcp", ".metadata"])
@pytest.mark.parametrize("damage", ["flip", "cut", "empty"])
def test_a_damaged_newest_state_is_reported_and_the_one_before_it_is_used(tmp_path, damage, file):
    saved(tmp_path, 1, 2)
    path = tmp_path / "step-00000002" / file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes({"flip": bytes(content), "cut": bytes(content[:-1]), "empty": b""}[damage])
    _, metadata, complaints = newest_state(tmp_path)
    assert metadata["step"] == 1
    assert len(complaints) == 1
    assert f"step-00000002: is damaged (the checksum of {file} differs)" in complaints[0]


@pytest.mark.parametrize("file", FILES)
def test_a_state_that_cannot_be_read_is_reported_and_the_one_before_it_is_used(tmp_path, file):
    saved(tmp_path, 1, 2, 3)
    (tmp_path / "step-00000002" / file).unlink()
    (tmp_path / "step-00000003" / file).unlink()
    (tmp_path / "step-00000003" / file).mkdir()
    saved(tmp_path / "other", 1)
    (tmp_path / "other" / "step-00000001").rename(tmp_path / "step-00000001")
    _, metadata, complaints = newest_state(tmp_path)
    assert metadata["step"] == 1
    assert len(complaints) == 2 and all("cannot be read" in complaint and file in complaint for complaint in complaints)


@pytest.mark.parametrize("listed", ["short", "none", "elsewhere"])
def test_a_state_whose_checksums_are_of_other_files_is_not_whole(tmp_path, listed):
    saved(tmp_path, 1, 2)
    sums = tmp_path / "step-00000002" / "SHA256SUMS"
    lines = sums.read_text().splitlines(keepends=True)
    changed = {"short": lines[:1] + lines[2:], "none": [], "elsewhere": [*lines, "aa  /dev/zero\n"]}[listed]
    sums.write_text("".join(changed))
    _, metadata, complaints = newest_state(tmp_path)
    assert metadata["step"] == 1
    assert "is in SHA256SUMS or in the folder, and not in both" in complaints[0]


def test_what_was_just_saved_is_kept_whatever_else_there_is(tmp_path):
    saved(tmp_path, 9_000, 9_500, 100)
    assert names(tmp_path) == ["step-00000100", "step-00009500"]


def test_nothing_to_resume_from_is_said(tmp_path):
    for directory in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InputError, match="nothing to resume from"):
            newest_state(directory)
    (tmp_path / "step-00000001.pt").touch()
    with pytest.raises(
        InputError,
        match=r"an earlier version of this program saved the states in .* begin another run under another --output",
    ):
        newest_state(tmp_path)
    saved(tmp_path, 1)
    (tmp_path / "step-00000001" / "run.pt").write_bytes(b"")
    with pytest.raises(InputError, match="is damaged"):
        newest_state(tmp_path)


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


def replace_file(path, content: bytes):
    """Puts other content into a state's file, with the right checksum."""
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    path.write_bytes(content)
    sums = path.with_name("SHA256SUMS")
    sums.write_text(sums.read_text().replace(before, hashlib.sha256(content).hexdigest()))


def test_a_state_that_is_none_is_reported_and_the_one_before_it_is_used(tmp_path):
    saved(tmp_path, 1, 2)
    a_list = io.BytesIO()
    torch.save([1, 2], a_list)
    for content, complaint in ((b"no pickle", "cannot be read as a state"), (a_list.getvalue(), "holds a list")):
        replace_file(tmp_path / "step-00000002" / "run.pt", content)
        _, metadata, complaints = newest_state(tmp_path)
        assert metadata["step"] == 1
        assert complaint in complaints[0]


def test_other_weights_are_one_sentence(tmp_path):
    saved(tmp_path, 1)
    path = newest_state(tmp_path)[0]
    for tensors in ({"model": {"other": torch.zeros(3)}}, {"model": {"weights": torch.zeros(4)}}):
        with pytest.raises(InputError, match=r"step-00000001: .* it holds other weights than this run's"):
            load_tensors(path, tensors)


class Calling:
    def __reduce__(self):
        return print, ("code of a file",)


def test_no_code_of_a_state_is_run(tmp_path, capsys):
    saved(tmp_path, 1)
    path = newest_state(tmp_path)[0]
    replace_file(path / ".metadata", pickle.dumps(Calling()))
    with pytest.raises(InputError, match="print has no place in a state"):
        load_tensors(path, {"model": {"weights": torch.zeros(3)}})
    assert "code of a file" not in capsys.readouterr().out
    with pytest.raises(AttributeError):  # the control: torch's own reader runs it, and gets None
        checkpoint.FileSystemReader(path).read_metadata().storage_meta.load_id = 1
    assert "code of a file" in capsys.readouterr().out


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
