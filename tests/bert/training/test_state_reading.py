"""Reading training states: the newest whole one is used, and damage is reported."""

import hashlib
import io
import pickle

import pytest
import torch
from torch.distributed import checkpoint

from bert.errors import InputError
from bert.training.distributed import Processes
from bert.training.state import save_state
from bert.training.state_reading import load_tensors, newest_state

ALONE = Processes(0, 1, torch.device("cpu"))
FILES = [".metadata", "SHA256SUMS", "__0_0.distcp", "run.pt"]


def saved(directory, *steps):
    for step in steps:
        save_state(directory, step, {"model": {"weights": torch.full((3,), float(step))}}, {"step": step}, ALONE)


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
