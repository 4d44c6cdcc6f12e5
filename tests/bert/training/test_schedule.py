"""The learning rate: Google's schedule, but that no update is for nothing."""

from bert.training.schedule import linear_schedule, steps_of_run


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
