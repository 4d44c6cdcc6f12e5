"""The best evaluation: the first of the best ones, until hope is given up."""

import argparse
import math

import pytest

from finetuning.best import Best, bound_of_epoch


def test_the_first_of_the_best_is_kept():
    values = (0.2, 0.5, 0.5, 0.4, math.nan)
    best = Best()
    taken = [best.update("f1", value, step, step / 10) for step, value in enumerate(values, start=1)]
    assert taken == [True, True, False, False, False]
    assert best == Best(0.5, 2, 0.2, 3, last_step=5)


def test_of_a_perplexity_the_lowest_is_the_best():
    best = Best()
    values = (math.inf, 9.0, 30.0, 7.0, 7.0, math.nan)
    taken = [best.update("perplexity", value, step, step / 10) for step, value in enumerate(values, start=1)]
    assert taken == [True, True, False, True, False, False]
    assert (best.value, best.step, best.evaluations_since) == (7.0, 4, 2)


def test_hope_ends_after_as_many_evaluations_as_are_allowed():
    best = Best()
    assert not best.patience_exhausted(1)
    best.update("f1", 0.5, 1, 1.0)
    best.update("f1", 0.4, 2, 2.0)
    assert best.patience_exhausted(1)
    assert not best.patience_exhausted(2)
    assert not best.patience_exhausted(None)
    assert best.update("f1", 0.6, 3, 3.0)
    assert not best.patience_exhausted(1)


def test_a_finished_run_that_is_measured_again_is_no_further_from_its_best():
    best = Best()
    best.update("f1", 0.5, 1, 1.0)
    best.update("f1", 0.4, 2, 2.0)
    assert not best.update("f1", 0.4, 2, 2.0)
    assert best.evaluations_since == 1


def test_it_comes_back_from_plain_data():
    best = Best()
    best.update("f1", 0.5, 1, 1.0)
    assert Best(**vars(best)) == best


def test_an_evaluation_before_the_first_update_counts_once():
    best = Best()
    assert best.update("f1", 0.5, 0, 0.0)
    assert not best.update("f1", 0.6, 0, 0.0)
    assert (best.value, best.step) == (0.5, 0)


def test_a_run_is_hopeless_if_its_best_is_worse_than_the_bound_of_the_epoch_that_has_ended():
    bounds = ["1=0.5", "3=0.7"]
    best = Best()
    assert not best.is_hopeless("f1", bounds, 10)  # nothing is measured yet
    best.update("f1", 0.4, 5, 0.5)
    assert not best.is_hopeless("f1", bounds, 10)  # in the middle of an epoch
    best.update("f1", 0.3, 10, 1.0)
    assert best.is_hopeless("f1", bounds, 10)
    assert not best.is_hopeless("f1", None, 10)
    best.update("f1", 0.6, 20, 2.0)
    assert not best.is_hopeless("f1", bounds, 10)  # no bound for this epoch
    best.update("f1", 0.7, 30, 3.0)
    assert not best.is_hopeless("f1", bounds, 10)  # as good
    worse = Best()
    worse.update("perplexity", 9.0, 10, 1.0)
    assert worse.is_hopeless("perplexity", ["1=8.5"], 10) and not worse.is_hopeless("perplexity", ["1=9.5"], 10)


@pytest.mark.parametrize("text", ["1", "0=0.5", "1.5=0.5", "1=nan", "=0.5", "1="])
def test_what_is_no_bound_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="is not EPOCH=VALUE"):
        bound_of_epoch(text)
