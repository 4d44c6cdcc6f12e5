"""Training states: the newest whole one is used, and damage is reported."""

import hashlib

import pytest
import torch

from bert.errors import InputError
from bert.training.state import generator_state, load_newest_state, restore_generator_state, save_state


def saved(directory, *steps):
    for step in steps:
        save_state(directory, step, {"step": step, "weights": torch.full((3,), float(step))})


def test_the_newest_state_comes_back(tmp_path):
    saved(tmp_path, 5, 30)
    state, complaints = load_newest_state(tmp_path)
    assert state["step"] == 30
    assert state["weights"].tolist() == [30.0] * 3
    assert complaints == []


def test_the_two_newest_are_kept_by_number_not_by_name(tmp_path):
    saved(tmp_path, 9, 99_999_999, 100_000_000)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "step-100000000.pt", "step-100000000.sha256", "step-99999999.pt", "step-99999999.sha256",
    ]  # fmt: skip
    assert load_newest_state(tmp_path)[0]["step"] == 100_000_000


@pytest.mark.parametrize("damage", ["flip", "cut", "empty"])
def test_a_damaged_newest_state_is_reported_and_the_one_before_it_is_used(tmp_path, damage):
    saved(tmp_path, 1, 2)
    path = tmp_path / "step-00000002.pt"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes({"flip": bytes(content), "cut": bytes(content[:-1]), "empty": b""}[damage])
    state, complaints = load_newest_state(tmp_path)
    assert state["step"] == 1
    assert len(complaints) == 1
    assert "step-00000002.pt" in complaints[0]


@pytest.mark.parametrize("name", ["step-00000002.pt", "step-00000002.sha256"])
def test_a_state_that_cannot_be_read_is_reported_and_the_one_before_it_is_used(tmp_path, name):
    saved(tmp_path, 1, 2)
    (tmp_path / name).unlink()
    (tmp_path / name).mkdir()
    state, complaints = load_newest_state(tmp_path)
    assert state["step"] == 1
    assert "cannot be read" in complaints[0]


def test_what_was_just_saved_is_kept_whatever_else_there_is(tmp_path):
    saved(tmp_path, 9_000, 9_500, 100)
    assert sorted(path.name for path in tmp_path.glob("*.pt")) == ["step-00000100.pt", "step-00009500.pt"]


def test_a_state_whose_checksum_was_never_written_does_not_count(tmp_path):
    saved(tmp_path, 1, 2)
    (tmp_path / "step-00000002.sha256").unlink()
    assert load_newest_state(tmp_path)[0]["step"] == 1


def test_nothing_to_resume_from_is_said(tmp_path):
    with pytest.raises(InputError, match="nothing to resume from"):
        load_newest_state(tmp_path)
    with pytest.raises(InputError, match="nothing to resume from"):
        load_newest_state(tmp_path / "nowhere")
    saved(tmp_path, 1)
    (tmp_path / "step-00000001.pt").write_bytes(b"")
    with pytest.raises(InputError, match="is damaged"):
        load_newest_state(tmp_path)


def test_the_checksum_is_what_sha256sum_says(tmp_path):
    import hashlib

    saved(tmp_path, 7)
    digest, name = (tmp_path / "step-00000007.sha256").read_text().split()
    assert hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() == digest


def test_random_numbers_go_on_from_where_they_were():
    device = torch.device("cpu")
    before = generator_state(device)
    first = torch.rand(3)
    assert not torch.rand(3).equal(first)
    restore_generator_state(before, device)
    assert torch.rand(3).equal(first)


def test_a_state_that_is_none_is_reported_and_the_one_before_it_is_used(tmp_path):
    saved(tmp_path, 1)
    for step, content in ((2, b"no pickle"), (3, None)):
        path = tmp_path / f"step-{step:08d}.pt"
        if content is None:
            torch.save([1, 2], path)
        else:
            path.write_bytes(content)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        path.with_suffix(".sha256").write_text(f"{digest}  {path.name}\n")
    state, complaints = load_newest_state(tmp_path)
    assert state["step"] == 1
    assert "holds a list" in complaints[0] and "cannot be read as a state" in complaints[1]


def test_what_a_killed_run_left_half_written_is_removed(tmp_path):
    (tmp_path / ".step-00000001.pt.abc.tmp").touch()
    saved(tmp_path, 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000002.pt", "step-00000002.sha256"]
