"""The best evaluation: the first of the best ones, until hope is given up."""

import math

from finetuning.best import Best


def test_the_first_of_the_best_is_kept():
    best = Best()
    taken = [best.update(value, step, step / 10) for step, value in enumerate((0.2, 0.5, 0.5, 0.4, math.nan), start=1)]
    assert taken == [True, True, False, False, False]
    assert best == Best(0.5, 2, 0.2, 3, last_step=5)


def test_hope_ends_after_as_many_evaluations_as_are_allowed():
    best = Best()
    assert not best.patience_exhausted(1)
    best.update(0.5, 1, 1.0)
    best.update(0.4, 2, 2.0)
    assert best.patience_exhausted(1)
    assert not best.patience_exhausted(2)
    assert not best.patience_exhausted(None)
    assert best.update(0.6, 3, 3.0)
    assert not best.patience_exhausted(1)


def test_a_finished_run_that_is_measured_again_is_no_further_from_its_best():
    best = Best()
    best.update(0.5, 1, 1.0)
    best.update(0.4, 2, 2.0)
    assert not best.update(0.4, 2, 2.0)
    assert best.evaluations_since == 1


def test_it_comes_back_from_plain_data():
    best = Best()
    best.update(0.5, 1, 1.0)
    assert Best(**vars(best)) == best


def test_an_evaluation_before_the_first_update_counts_once():
    best = Best()
    assert best.update(0.5, 0, 0.0)
    assert not best.update(0.6, 0, 0.0)
    assert (best.value, best.step) == (0.5, 0)
