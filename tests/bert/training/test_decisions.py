"""Decisions by the clock are kept, and a resumed run takes them over."""

import pytest
import torch

from bert.errors import InputError
from bert.training.decisions import Decisions, RecordedDecisions
from bert.training.distributed import Processes

ALONE = Processes(0, 1, torch.device("cpu"))


def never():
    raise AssertionError("the clock was asked")


def test_a_decision_holds_from_its_update_on_and_none_means_no_change(tmp_path):
    decisions = Decisions(tmp_path / "decisions.json", ALONE)
    assert decisions.decide("threads", 0, lambda: 2) == 2
    assert decisions.decide("threads", 50, lambda: None) is None
    assert decisions.decide("threads", 60, lambda: 1) == 1
    assert decisions.made("threads", 59) == [(0, 2)]
    assert decisions.made("threads", 60) == [(0, 2), (60, 1)]
    assert decisions.made("max_steps", 60) == []


def test_a_resumed_run_decides_the_same_and_then_asks_the_clock(tmp_path):
    first = Decisions(tmp_path / "decisions.json", ALONE)
    for step, number in ((0, 2), (60, 1), (90, 2)):
        first.decide("threads", step, lambda number=number: number)
    resumed = Decisions(tmp_path / "decisions.json", ALONE)
    assert resumed.decide("threads", 55, never) is None
    assert resumed.decide("threads", 60, never) == 1
    assert resumed.decide("threads", 90, never) == 2
    assert resumed.decide("threads", 100, lambda: 1) == 1
    with pytest.raises(AssertionError, match="the clock was asked"):
        resumed.decide("threads", 110, never)  # the control


def test_a_decision_is_on_the_disk_before_it_takes_effect(tmp_path):
    Decisions(tmp_path / "decisions.json", ALONE).decide("max_steps", 7, lambda: 400)
    assert (tmp_path / "decisions.json").read_text() == '{"max_steps": [[7, 400]]}\n'


def test_what_a_killed_run_left_half_written_goes(tmp_path):
    (tmp_path / ".decisions.json.abcd_123.tmp").write_text('{"max_')
    Decisions(tmp_path / "decisions.json", ALONE)
    assert list(tmp_path.iterdir()) == []


def test_decisions_that_other_flags_make_void_are_forgotten(tmp_path):
    decisions = Decisions(tmp_path / "decisions.json", ALONE)
    for step in (1, 2, 4):
        decisions.decide("max_steps", step, lambda: 400)
    decisions.decide("threads", 3, lambda: 1)
    decisions.forget("max_steps", 2)
    resumed = Decisions(tmp_path / "decisions.json", ALONE)
    assert resumed.made("max_steps", 10) == [(1, 400)]
    assert resumed.made("threads", 10) == [(3, 1)]


@pytest.mark.parametrize(
    "content", ["[1]", "{", '{"threads": 2}', '{"threads": [[1, -2]]}', '{"threads": [[3, 1], [2, 1]]}']
)
def test_a_damaged_file_is_refused_in_a_sentence(tmp_path, content):
    (tmp_path / "decisions.json").write_text(content)
    with pytest.raises(InputError, match=r"decisions\.json"):
        Decisions(tmp_path / "decisions.json", ALONE)


def test_a_run_that_is_computed_again_takes_its_decisions_and_makes_none(tmp_path):
    file = tmp_path / "decisions.json"
    Decisions(file, ALONE).decide("threads", 4, lambda: 2)
    (tmp_path / ".decisions.json.abcdefgh.tmp").touch()  # of the run, which may be going on
    before = file.read_bytes()
    recorded = RecordedDecisions(file, ALONE)
    assert [recorded.decide("threads", step, lambda: 7) for step in (3, 4, 5)] == [None, 2, None]
    assert recorded.decide("end", 4, lambda: 7) is None
    recorded.forget("threads", 0)
    assert recorded.made("threads", 9) == [(4, 2)]
    assert file.read_bytes() == before
    assert (tmp_path / ".decisions.json.abcdefgh.tmp").exists()
