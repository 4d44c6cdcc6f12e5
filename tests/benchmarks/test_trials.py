"""Trials: each result is measured once and kept; a trial's process says what went wrong."""

import json
import threading
from dataclasses import dataclass

import pytest

from benchmarks.trials import in_a_process_of_its_own, results_of
from bert.errors import InputError


@dataclass(frozen=True)
class Trial:
    number: int


@dataclass(frozen=True)
class Result:
    square: int


def square_of(trial: Trial) -> Result:
    return Result(trial.number**2)


def measure(trials, path, function=square_of, at_once=1):
    return results_of(trials, lambda trial: f"trial {trial.number}", function, Result, path, at_once)


@pytest.mark.parametrize("at_once", [1, 3])
def test_each_trial_is_measured_once_and_kept(tmp_path, at_once):
    path, measured = tmp_path / "results.json", []

    def measure_and_note(trial: Trial) -> Result:
        measured.append(trial.number)
        return square_of(trial)

    trials = [Trial(number) for number in (3, 1, 2, 1)]
    expected = {Trial(3): Result(9), Trial(1): Result(1), Trial(2): Result(4)}
    assert measure(trials, path, measure_and_note, at_once) == expected
    assert list(measure(trials, path, measure_and_note, at_once)) == list(expected)
    assert sorted(measured) == [1, 2, 3]
    assert len(json.loads(path.read_text())) == 3


def test_several_are_measured_at_the_same_time(tmp_path):
    together = threading.Barrier(2, timeout=20)  # it breaks if one of them waits alone

    def meet(trial: Trial) -> Result:
        together.wait()
        return square_of(trial)

    assert len(measure([Trial(1), Trial(2)], tmp_path / "results.json", meet, at_once=2)) == 2


def test_if_one_fails_no_other_begins_and_what_is_finished_is_kept(tmp_path):
    path, begun = tmp_path / "results.json", []

    def fail_at_two(trial: Trial) -> Result:
        begun.append(trial.number)
        if trial.number == 2:
            raise InputError("two is too many")
        return square_of(trial)

    with pytest.raises(InputError, match="two is too many"):
        measure([Trial(number) for number in range(1, 2_000)], path, fail_at_two, at_once=2)
    assert len(begun) < 1_999
    assert "trial 1" in path.read_text() and "trial 2" not in path.read_text()


def refuse() -> None:
    raise InputError("no")


def test_bad_input_in_a_process_of_its_own_is_raised_here():
    assert in_a_process_of_its_own(square_of, Trial(7)) == Result(49)
    with pytest.raises(InputError, match=r"^no$"):
        in_a_process_of_its_own(refuse)
