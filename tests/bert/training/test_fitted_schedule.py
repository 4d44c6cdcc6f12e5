"""A schedule that is fitted to the time ends there with a learning rate of 0, whatever the machine does."""

import random
import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from bert.training.decisions import Decisions
from bert.training.distributed import Processes
from bert.training.fitted_schedule import Fitting, make_fitted_schedule
from bert.training.flags import LARGEST
from bert.training.progress import Progress
from bert.training.schedule import Leg, warn_of_jump
from bert.training.settings import TrainingSettings
from tests.processes import ends_of

ALONE = Processes(0, 1, torch.device("cpu"))
MINUTES = 10.0


def schedule_of(minutes=MINUTES, most_warmup_steps=10_000, **settings):
    settings = TrainingSettings("nowhere", learning_rate=1.0, **settings)
    return make_fitted_schedule(settings, 70, minutes, most_warmup_steps)


class Simulation:
    """A run without a model. ``rates`` are the learning rates of its updates.

    Args:
        update: seconds of update ``step``, which begins at a second of the run.
        eval_every, eval_seconds: an evaluation after so many updates takes so long.
    """

    def __init__(self, folder, schedule, update, eval_every=1000, eval_seconds=0.0, progress=None, processes=ALONE):
        self.progress = progress or Progress()
        self.decisions = Decisions(Path(folder) / "decisions.json", processes)
        self.update, self.eval_every, self.eval_seconds = update, eval_every, eval_seconds
        self.fitting, self.paused, self.rates = Fitting(schedule, self.progress, self.decisions), 0.0, []

    def run(self, until=LARGEST):
        progress, schedule = self.progress, self.fitting.schedule
        while progress.step < min(schedule.max_steps, until):
            schedule = self.fitting.before_update(progress.step, progress.seconds, self.paused)
            progress.leg = tuple(schedule.leg)
            self.rates.append(schedule.learning_rate_at(progress.step))
            progress.seconds += self.update(progress.step, progress.seconds)
            progress.step += 1
            if progress.step % self.eval_every == 0:
                self.paused += self.eval_seconds
                progress.seconds += self.eval_seconds
        return self

    @property
    def late(self):
        """The share of the time by which the run ended late; below 0: early."""
        return self.progress.seconds / (60 * MINUTES) - 1


def jitter(seconds):
    draw = random.Random(0)
    return lambda step, now: seconds * draw.uniform(0.7, 1.3)


def compiling(step, now):
    return 25.0 if step < 2 else 0.1


def slower_at(share, factor):
    return lambda step, now: 0.1 * (factor if now > share * 60 * MINUTES else 1)


def stall(share, seconds):
    """Once, at this share of the time, an update takes long: the machine slept."""
    stalled = []

    def update(step, now):
        if now > share * 60 * MINUTES and not stalled:
            stalled.append(step)
            return seconds
        return 0.1

    return update


MACHINES = {
    "constant": (lambda step, now: 0.1, {}),
    "fast": (lambda step, now: 0.004, {}),
    "slow": (lambda step, now: 5.0, {}),
    "jitter": (jitter(0.1), {}),
    "alternating": (lambda step, now: 0.02 if step % 2 else 0.2, {}),
    "compiles": (compiling, {}),
    "twice as slow from the middle on": (slower_at(0.5, 2), {}),
    "thirty times as slow from the middle on": (slower_at(0.5, 30), {}),
    "five times as fast from 30 % on": (slower_at(0.3, 0.2), {}),
    "slower at the very end": (slower_at(0.95, 3), {}),
    "evaluations take half of the time": (lambda step, now: 0.1, {"eval_every": 200, "eval_seconds": 20.0}),
    "few evaluations take a third of it": (lambda step, now: 0.1, {"eval_every": 1000, "eval_seconds": 50.0}),
}


@pytest.mark.parametrize("name", MACHINES)
def test_it_ends_in_time_with_a_rate_of_zero_and_without_a_jump(name, tmp_path):
    update, evaluations = MACHINES[name]
    run = Simulation(tmp_path, schedule_of(), update, **evaluations).run()
    assert abs(run.late) < 0.05, run.late
    assert run.rates[-1] < 0.03
    assert max(run.rates) > 0.9
    peak = run.rates.index(max(run.rates))
    falls = [before - after for before, after in pairwise(run.rates[peak:])]
    begun = next(number for number, fall in enumerate(falls) if fall > 0)
    assert not any(falls[:begun])  # the rate holds
    assert min(falls[begun:]) > 0  # then it falls at every update, and by little
    assert max(falls) < 0.03
    assert len(run.decisions.made("max_steps", LARGEST)) < 200


@pytest.mark.parametrize(
    ("share", "seconds", "late"), [(0.3, 300, 0.05), (0.5, 300, 0.05), (0.6, 600, 0.62), (0.99, 300, 0.51)]
)
def test_a_machine_that_stalls_for_half_of_the_time_still_ends_with_a_rate_of_zero(tmp_path, share, seconds, late):
    run = Simulation(tmp_path, schedule_of(), stall(share, seconds)).run()
    assert run.late < late
    assert run.rates[-1] < 0.03
    assert max(before - after for before, after in pairwise(run.rates[1:])) < 0.18  # just after the warm-up


def test_a_run_at_a_constant_speed_warms_up_holds_its_rate_and_falls_over_two_fifths(tmp_path):
    run = Simulation(tmp_path, schedule_of(), lambda step, now: 0.1).run()
    steps = run.progress.step
    assert steps == pytest.approx(6000, rel=0.01)
    expected = [min((step + 1) / 3000, 1, (steps - step) / (0.4 * steps)) for step in range(steps)]
    differences = [abs(rate - other) for rate, other in zip(run.rates, expected)]
    assert sum(differences) / steps < 0.01
    assert run.rates.count(1.0) == pytest.approx(6000 - 3000 - 2400, rel=0.1)


def test_until_it_falls_the_rate_of_a_longer_run_does_not_depend_on_its_length(tmp_path):
    def rates(minutes):
        folder = tmp_path / str(minutes)
        folder.mkdir()
        return Simulation(folder, schedule_of(minutes), jitter(0.1)).run(until=4500).rates

    ten, twenty, thirty = rates(10), rates(20), rates(30)
    assert ten[300:3500] == twenty[300:3500] == thirty[300:3500]  # after the first estimates
    assert twenty[3500:] == thirty[3500:] != ten[3500:]


@pytest.mark.parametrize(
    ("seconds", "given", "warmup"),
    [
        (0.015, {}, 4_000),  # a tenth of 40,000
        (0.1, {}, 3_000),  # of 6,000: AdamW's averages need them
        (1.0, {}, 360),  # three fifths of 600
        (0.1, {"most_warmup_steps": 200}, 200),
        (0.015, {"most_warmup_steps": 3_500}, 3_500),
        (0.1, {"warmup_steps": 77}, 77),
        (0.1, {"warmup_steps": 0}, 1),
    ],
)
def test_a_tenth_of_the_run_warms_up_or_as_many_updates_as_the_averages_need_or_the_user_says(
    tmp_path, seconds, given, warmup
):
    rates = Simulation(tmp_path, schedule_of(**given), lambda step, now: seconds).run().rates
    assert rates.index(1.0) + 1 == pytest.approx(warmup, abs=max(2, warmup // 50) if warmup > 100 else 0)


def test_updates_or_epochs_that_are_fewer_end_the_run_and_the_schedule_fits_them(tmp_path):
    for number, given in enumerate(({"max_steps": 700}, {"epochs": 10})):
        folder = tmp_path / str(number)
        folder.mkdir()
        run = Simulation(folder, schedule_of(**given), lambda step, now: 0.1).run()
        assert run.progress.step == 700
        assert run.rates[-1] == pytest.approx(1 / 700 / 0.4)
        assert run.rates[560] == pytest.approx(0.5)


def test_a_time_that_never_ends_is_left_to_the_updates(tmp_path):
    run = Simulation(tmp_path, schedule_of(1e308, max_steps=700), lambda step, now: 0.1).run()
    assert run.progress.step == 700
    assert run.rates[-1] == pytest.approx(1 / 700 / 0.4)
    Decisions(tmp_path / "decisions.json", ALONE)  # can be read again


def test_the_speed_is_of_the_newest_updates_and_a_stall_is_none(tmp_path):
    run = Simulation(tmp_path, schedule_of(), stall(0.1, 60)).run(until=1000)
    assert run.fitting.schedule.max_steps == pytest.approx(5400, rel=0.01)


# ---- resumed ----


def two_sessions(folder, update, stop, killed_at, again=None, **changed):
    """A run that is killed at an update, and goes on from its checkpoint at ``stop``."""
    first = Simulation(folder, schedule_of(), update).run(until=stop)
    checkpoint = replace(first.progress)
    first.run(until=killed_at)
    second = Simulation(folder, schedule_of(**changed), again or update, progress=replace(checkpoint)).run()
    return first.rates[:stop], second


@pytest.mark.parametrize("stop", [3, 9, 1234, 5950])
def test_a_resumed_run_has_the_rates_of_the_run_in_one_bit_for_bit_and_without_its_decisions_not(tmp_path, stop):
    whole = Simulation(tmp_path, schedule_of(), jitter(0.1)).run()
    start = Simulation(tmp_path, schedule_of(), jitter(0.1)).run(until=stop)
    checkpoint = replace(start.progress)
    twice_as_slow = Simulation(tmp_path, schedule_of(), jitter(0.2), progress=replace(checkpoint)).run()
    assert start.rates + twice_as_slow.rates == whole.rates
    (tmp_path / "decisions.json").unlink()
    alone = Simulation(tmp_path, schedule_of(), jitter(0.2), progress=replace(checkpoint)).run()
    assert start.rates + alone.rates != whole.rates


def test_a_run_that_goes_on_at_its_very_last_decision_lands_as_the_run_in_one(tmp_path):
    whole = Simulation(tmp_path, schedule_of(), jitter(0.1)).run()
    ((stop, _),) = whole.decisions.made("landing", LARGEST)
    (tmp_path / "again").mkdir()
    start = Simulation(tmp_path / "again", schedule_of(), jitter(0.1)).run(until=stop)
    shutil.copy(tmp_path / "decisions.json", tmp_path / "again")
    resumed = Simulation(tmp_path / "again", schedule_of(), jitter(0.2), progress=start.progress).run()
    assert start.rates + resumed.rates == whole.rates


def test_a_killed_run_goes_on_by_the_clock_after_its_last_decision(tmp_path):
    rates, second = two_sessions(tmp_path, jitter(0.1), 2000, 2600, jitter(0.2))
    assert abs(second.late) < 0.05
    assert second.rates[-1] < 0.02
    assert second.rates[0] == pytest.approx(rates[-1], abs=0.01)
    assert second.progress.step == pytest.approx(2000 + 400 / 0.2, rel=0.01)


def test_more_minutes_on_the_way_bend_the_rate_and_after_the_end_raise_it(tmp_path):
    (tmp_path / "other").mkdir()
    falling = Simulation(tmp_path, schedule_of(), jitter(0.1)).run(until=4800)
    assert falling.rates[-1] == pytest.approx(0.5, abs=0.02)
    longer = Simulation(tmp_path, schedule_of(1.2 * MINUTES), jitter(0.1), progress=falling.progress).run()
    assert longer.rates[0] == pytest.approx((1 - 0.8 / 1.2) / 0.4, abs=0.02)  # two thirds of the new time are over
    assert longer.progress.seconds == pytest.approx(720, rel=0.03)
    assert longer.rates[-1] < 0.02
    again = Simulation(tmp_path, schedule_of(13), jitter(0.1), progress=longer.progress).run()
    assert again.rates[0] == pytest.approx((1 - 12 / 13) / 0.4, abs=0.02)
    holding = Simulation(tmp_path / "other", schedule_of(), jitter(0.1)).run(until=3000)
    longer = Simulation(tmp_path / "other", schedule_of(2 * MINUTES), jitter(0.1), progress=holding.progress).run()
    assert holding.rates[-1] == longer.rates[0] == 1


@pytest.mark.parametrize(
    ("stop", "before_and_after"), [(3000, None), (4800, ("5.01e-01", "8.33e-01")), (6000, ("4.17e-04", "4.17e-01"))]
)
def test_more_minutes_make_a_rate_jump_that_falls_and_that_is_said_with_both_rates(tmp_path, stop, before_and_after):
    progress = Simulation(tmp_path, schedule_of(), lambda step, now: 0.1).run(until=stop).progress
    now = Simulation(tmp_path, schedule_of(1.2 * MINUTES), jitter(0.1), progress=progress).fitting.schedule
    note = warn_of_jump(Leg(*progress.leg), now, progress.step)
    if before_and_after is None:
        assert note == ""
    else:
        before, after = before_and_after
        assert f"jumps from {before}" in note
        assert f"up to {after}" in note


def test_other_minutes_are_remembered_when_that_session_is_killed_too(tmp_path):
    half = Simulation(tmp_path, schedule_of(), jitter(0.1)).run(until=3000)
    checkpoint = replace(half.progress)
    half.run(until=4000)
    longer = Simulation(tmp_path, schedule_of(2 * MINUTES), jitter(0.1), progress=replace(checkpoint)).run()
    again = Simulation(tmp_path, schedule_of(2 * MINUTES), jitter(0.3), progress=replace(checkpoint)).run()
    assert again.rates == longer.rates


def test_a_run_whose_time_is_over_lands_at_once(tmp_path):
    half = Simulation(tmp_path, schedule_of(), jitter(0.1)).run(until=3000)
    ended = Simulation(tmp_path, schedule_of(3.0), jitter(0.1), progress=half.progress).run()
    assert 10 <= len(ended.rates) <= 100
    assert ended.rates[-1] < 0.1


PROGRAM = """
import sys
from bert.training.distributed import start_processes
from tests.bert.training.test_fitted_schedule import Simulation, schedule_of

with start_processes("cpu") as processes:
    speed = 0.1 * (1 + processes.rank)
    run = Simulation(sys.argv[1], schedule_of(0.2), lambda step, now: speed, processes=processes).run()
    print(run.rates)
"""


def test_two_processes_with_clocks_of_their_own_have_one_schedule(tmp_path):
    (first, rates), (second, others) = ends_of(PROGRAM, str(tmp_path), 2)
    assert first == second == 0
    assert len(rates) > 500
    assert rates == others
