"""The learning rate: Google's schedule, but that no update is for nothing."""

from dataclasses import replace

import pytest

from bert.training.schedule import Leg, Schedule, linear_schedule, make_schedule, steps_of_run, warn_of_jump
from bert.training.settings import TrainingSettings


def rates(warmup, steps):
    return [linear_schedule(step, 1.0, warmup, steps) for step in range(steps)]


def test_it_rises_to_the_peak_by_equal_steps():
    assert rates(4, 20)[:4] == [0.25, 0.5, 0.75, 1.0]


def test_after_the_warm_up_it_is_on_the_line_from_the_peak_to_zero_over_the_whole_run():
    for step, rate in enumerate(rates(4, 20)):
        if step >= 4:
            assert abs(rate - (1 - step / 20)) < 1e-12


def test_no_update_has_a_rate_of_zero():
    assert min(rates(4, 20)) > 0
    assert min(rates(0, 20)) > 0


def test_without_warm_up_it_begins_at_the_peak():
    assert rates(0, 5)[0] == 1.0


def test_it_is_zero_after_the_end():
    assert linear_schedule(7, 1.0, 2, 5) == 0.0


def test_a_run_ends_at_the_sooner_of_its_limits():
    assert steps_of_run(10, None, 4) == steps_of_run(10, 3, 4) == 10
    assert steps_of_run(None, 2, 4) == steps_of_run(10, 2, 4) == 8


def schedule_of(updates_per_epoch=70, most_warmup_steps=None, max_minutes=None, **settings):
    limits = {} if most_warmup_steps is None else {"most_warmup_steps": most_warmup_steps}
    return make_schedule(TrainingSettings("runs/a", **settings), updates_per_epoch, **limits, max_minutes=max_minutes)


@pytest.mark.parametrize(("max_steps", "most", "expected"), [
    (1000, None, 100), (1009, None, 100), (9, None, 0), (1000, 30, 30), (1_000_000, 10_000, 10_000),
])  # fmt: skip
def test_a_tenth_of_the_run_warms_up_and_no_more_than_the_most(max_steps, most, expected):
    assert schedule_of(max_steps=max_steps, most_warmup_steps=most).warmup_steps == expected
    assert schedule_of(max_steps=max_steps, most_warmup_steps=most, warmup_steps=0).warmup_steps == 0
    assert schedule_of(max_steps=max_steps, most_warmup_steps=most, warmup_steps=77).warmup_steps == 77


def test_an_epoch_ends_with_an_evaluation_and_a_checkpoint_unless_the_settings_say_when():
    by_epoch = schedule_of(epochs=3, learning_rate=0.25, report_every=7)
    assert by_epoch == Schedule(
        max_steps=210, learning_rate=0.25, warmup_steps=21, report_every=7, eval_every=70, checkpoint_every=70,
        max_seconds=None, max_gradient_norm=1.0,  # google-research/bert optimization.py: clip_norm=1.0
    )  # fmt: skip
    for told, expected in (((11, 13), (11, 13)), ((11, None), (11, 70)), ((None, 13), (70, 13))):
        schedule = schedule_of(epochs=3, eval_every=told[0], checkpoint_every=told[1])
        assert (schedule.eval_every, schedule.checkpoint_every) == expected


def test_a_time_limit_is_given_in_minutes_and_kept_in_seconds():
    assert schedule_of(epochs=1, max_minutes=2.5).max_seconds == 150


def test_the_rate_of_an_update_is_that_of_the_schedules_own_numbers():
    schedule = schedule_of(epochs=1, learning_rate=0.5, warmup_steps=5)
    assert [schedule.learning_rate_at(step) for step in range(70)] == pytest.approx(
        [0.5 * (step + 1) / 5 if step < 5 else 0.5 * (1 - step / 70) for step in range(70)]
    )


def test_the_rate_falls_over_the_updates_that_are_said_wherever_the_run_ends():
    whole = make_schedule(TrainingSettings("runs/a", max_steps=30), 70)
    part = make_schedule(TrainingSettings("runs/a", max_steps=20), 70, decays_to=30)
    assert (part.max_steps, part.warmup_steps) == (20, 3)
    assert [part.learning_rate_at(step) for step in range(20)] == [whole.learning_rate_at(step) for step in range(20)]
    assert make_schedule(TrainingSettings("runs/a"), 70, decays_to=30) == replace(whole, decays_to=30)


def test_a_rate_that_had_begun_to_fall_and_jumps_up_is_told_with_both_rates():
    before = Leg(0, 0.0, 100)
    longer = schedule_of(max_steps=200, learning_rate=1.0)
    note = warn_of_jump(before, longer, 100)
    assert "from 1.00e-02 up to 5.00e-01" in note
    assert "went to step 100" in note
    assert "--schedule-to" in note
    assert warn_of_jump(before, longer, 50)  # also before the end


def test_a_rate_that_warms_up_or_goes_on_falling_is_no_jump():
    before, same = Leg(0, 0.0, 100), schedule_of(max_steps=100, learning_rate=1.0)
    assert not any(warn_of_jump(before, same, step) for step in range(101))
    assert warn_of_jump(before, schedule_of(max_steps=200), 5) == ""  # still warming up
    long = schedule_of(max_steps=100, warmup_steps=90)
    assert not any(warn_of_jump(before, long, step) for step in range(101))  # it resumes while it warms up
    assert warn_of_jump(before, schedule_of(max_steps=80), 50) == ""
    assert warn_of_jump(None, schedule_of(max_steps=200), 50) == ""  # a state of an older version
