"""The measures of a sequence of tasks, by hand."""

import dataclasses

import numpy as np
import pytest

from bert.continual.matrix import Measures, measure

nan = float("nan")


def test_a_matrix_by_hand():
    scores = np.array([[0.9, 0.4, 0.3], [0.6, 0.8, 0.5], [0.7, 0.5, 0.6]])
    found = measure(scores, untrained=np.array([0.5, 0.3, 0.2]))
    assert found.average_accuracy == pytest.approx((0.7 + 0.5 + 0.6) / 3)
    assert found.backward_transfer == pytest.approx(((0.7 - 0.9) + (0.5 - 0.8)) / 2)
    assert found.forgetting == pytest.approx(((0.9 - 0.7) + (0.8 - 0.5)) / 2)
    assert found.forward_transfer == pytest.approx(((0.4 - 0.3) + (0.5 - 0.2)) / 2)


def test_forgetting_counts_from_the_best_score_and_backward_transfer_from_the_first():
    scores = np.array([[0.5, nan, nan], [0.9, 0.8, nan], [0.6, 0.8, 0.7]])
    found = measure(scores)
    assert found.backward_transfer == pytest.approx((0.1 + 0.0) / 2)
    assert found.forgetting == pytest.approx((0.3 + 0.0) / 2)


def test_the_best_score_is_an_earlier_one_so_a_task_that_gained_has_negative_forgetting():
    assert measure(np.array([[0.5, nan], [0.9, 0.8]])).forgetting == pytest.approx(-0.4)


def test_scores_that_never_change_are_no_transfer_and_no_forgetting():
    rows = np.tile([0.9, 0.7, 0.8], (3, 1))
    found = measure(np.where(np.tri(3, dtype=bool), rows, nan))
    assert (found.backward_transfer, found.forgetting) == (0, 0)
    assert found.average_accuracy == pytest.approx(0.8)


def test_one_task_has_an_average_and_nothing_to_forget():
    assert_same(measure(np.array([[0.75]])), Measures(0.75, nan, nan, nan))


def test_a_missing_score_makes_the_measures_that_need_it_nan_and_no_others():
    scores = np.array([[0.9, nan, nan], [nan, 0.8, nan], [0.7, 0.5, 0.6]])
    assert measure(scores).forgetting == pytest.approx((0.2 + 0.3) / 2)  # row 1 of task 0 was not needed
    assert_same(measure(np.full((2, 2), nan)), Measures(nan, nan, nan, nan))
    scores[2, 1] = nan
    assert_same(measure(scores), Measures(nan, nan, nan, nan))


def test_without_an_untrained_model_there_is_no_forward_transfer():
    assert np.isnan(measure(np.array([[0.9, 0.4], [0.8, 0.7]])).forward_transfer)


def test_a_matrix_that_is_not_square_is_refused():
    for shape in ((2, 3), (0, 0), (3,)):
        with pytest.raises(ValueError, match="a row and a column for each task"):
            measure(np.zeros(shape))


def test_the_matrix_stays_as_it_was():
    scores = np.array([[0.9, nan], [0.7, 0.8]])
    before = scores.copy()
    measure(scores)
    np.testing.assert_array_equal(scores, before)


def assert_same(found: Measures, expected: Measures) -> None:
    np.testing.assert_allclose(dataclasses.astuple(found), dataclasses.astuple(expected))
