"""The flags of each session of a run are written down, and those of sessions that are void are not."""

import json
from dataclasses import replace

import pytest

from bert.errors import InputError
from pretraining.sessions import FILE, Session, read_sessions, record_session

FIRST = Session(0, {"batch_size": 32, "output": "runs/a"}, "fp32", "cpu", 1, "2.13.0", "0f-1e", "abc")


@pytest.fixture
def run(tmp_path):
    record_session(tmp_path, FIRST)
    return tmp_path


def test_a_session_is_written_down_if_it_computes_otherwise_than_the_one_before(run):
    same = replace(FIRST, step=500, settings={"batch_size": 32, "output": "runs/b", "workers": 3}, seconds=9.5)
    record_session(run, same)
    assert read_sessions(run) == [FIRST]
    for change in ({"settings": {"batch_size": 64}}, {"processes": 2}, {"precision": "bf16"}, {"torch": "2.12.0"}):
        record_session(run, later := replace(FIRST, step=500, **change))
        assert read_sessions(run) == [FIRST, later]  # what began at 500 before is void


def test_sessions_after_the_state_that_a_run_goes_back_to_are_void(run):
    record_session(run, replace(FIRST, step=900, processes=2))
    record_session(run, later := replace(FIRST, step=700, processes=4))
    assert read_sessions(run) == [FIRST, later]
    record_session(run, begun := replace(FIRST, processes=3))
    assert read_sessions(run) == [begun]


def test_a_run_of_an_earlier_version_has_none(tmp_path):
    assert read_sessions(tmp_path) == []


def test_a_session_without_its_seconds_is_read(run):
    (run / FILE).write_text(json.dumps({"sessions": [{k: v for k, v in vars(FIRST).items() if k != "seconds"}]}))
    assert read_sessions(run) == [FIRST]


@pytest.mark.parametrize(
    ("entries", "complaint"),
    [
        ("a", "holds no list of sessions"),
        ([{"step": 0}], "session 1: has no"),
        ([vars(FIRST) | {"processes": 0}], "processes is 0; a whole number from 1 was expected"),
        ([vars(FIRST) | {"precision": "fp8"}], "precision is 'fp8'; one of fp32, bf16, fp16 was expected"),
        ([vars(FIRST) | {"seconds": -1.0}], r"seconds is -1\.0; a number of seconds was expected"),
        ([vars(FIRST), vars(FIRST)], "does not begin after the one before it"),
    ],
)
def test_a_damaged_file_is_refused_in_a_sentence(run, entries, complaint):
    (run / FILE).write_text(json.dumps({"sessions": entries}))
    with pytest.raises(InputError, match=complaint):
        read_sessions(run)
