"""Measures against hand counts, brute force and other implementations."""

import math

import numpy as np
import pytest

from bert.tasks.metrics import (
    classification_metrics,
    confusion_matrix,
    correlation,
    multi_label_metrics,
    next_piece_metrics,
    ranks,
    regression_metrics,
)

TRUTH = np.array([0, 0, 0, 1, 1, 2])
PREDICTED = np.array([0, 0, 1, 1, 0, 2])


def test_classes_are_measured_as_counted_by_hand():
    metrics = classification_metrics(TRUTH, PREDICTED, 3)
    f1 = [2 * 2 / (3 + 3), 2 * 1 / (2 + 2), 1.0]  # 2 * right / (predicted + true)
    assert metrics["accuracy"] == pytest.approx(4 / 6)
    assert metrics["macro_f1"] == pytest.approx(sum(f1) / 3)
    assert metrics["weighted_f1"] == pytest.approx((3 * f1[0] + 2 * f1[1] + f1[2]) / 6)
    assert "f1" not in metrics


def test_matthews_is_the_correlation_of_two_classes():
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 2, 50)
    predicted = np.where(generator.random(50) < 0.7, truth, 1 - truth)
    metrics = classification_metrics(truth, predicted, 2)
    assert metrics["matthews"] == pytest.approx(np.corrcoef(truth, predicted)[0, 1])
    right = (truth & predicted).sum()
    assert metrics["f1"] == pytest.approx(2 * right / (truth.sum() + predicted.sum()))


def test_one_class_alone_is_no_correlation_and_an_absent_class_has_an_f1_of_0():
    metrics = classification_metrics(np.array([0, 1, 0]), np.array([0, 0, 0]), 3)
    assert metrics["matthews"] == 0
    assert metrics["macro_f1"] == pytest.approx((2 * 2 / (2 + 3) + 0 + 0) / 3)


def test_several_labels_are_measured_as_counted_by_hand():
    truth = np.array([[1, 0, 1], [0, 1, 0], [1, 1, 0]])
    predicted = np.array([[1, 0, 0], [0, 1, 0], [0, 1, 1]])
    metrics = multi_label_metrics(truth, predicted)
    assert metrics["accuracy"] == pytest.approx(1 / 3)
    assert metrics["micro_f1"] == pytest.approx(2 * 3 / (5 + 4))
    assert metrics["macro_f1"] == pytest.approx((2 / 3 + 1 + 0) / 3)


def test_a_single_label_that_is_there_or_not_is_measured_where_it_is_there():
    truth, predicted = np.array([[1], [1], [0], [0], [1]]), np.array([[1], [0], [0], [1], [1]])
    metrics = multi_label_metrics(truth, predicted)
    assert metrics == pytest.approx({"accuracy": 3 / 5} | dict.fromkeys(("micro_f1", "macro_f1", "weighted_f1"), 4 / 6))


def test_correlations_are_scipys():
    stats = pytest.importorskip("scipy.stats")
    generator = np.random.default_rng(1)
    truth = generator.integers(0, 6, 80) / 2  # with ties
    predicted = (truth + generator.normal(size=80)).astype(np.float32)
    metrics = regression_metrics(truth, predicted)
    assert metrics["pearson"] == pytest.approx(stats.pearsonr(truth, predicted)[0])
    assert metrics["spearman"] == pytest.approx(stats.spearmanr(truth, predicted)[0])
    assert metrics["pearson"] != pytest.approx(metrics["spearman"])
    assert metrics["mean_squared_error"] == pytest.approx(sum((a - b) ** 2 for a, b in zip(truth, predicted)) / 80)


def test_rank_correlation_sees_order_alone():
    values = np.array([3.0, 1.0, 2.0, 5.0, 4.0])
    assert correlation(ranks(values), ranks(np.exp(values))) == pytest.approx(1)
    assert correlation(values, np.exp(values)) < 0.95
    assert correlation(ranks(values), ranks(-values)) == pytest.approx(-1)


def test_equal_numbers_correlate_with_nothing():
    for a, b in (([1, 1, 1], [1, 2, 3]), ([1, 2, 3], [2, 2, 2])):
        metrics = regression_metrics(np.array(a), np.array(b))
        assert metrics["pearson"] == metrics["spearman"] == 0
        assert math.isfinite(metrics["mean_squared_error"])


def test_a_confusion_matrix_has_a_row_per_true_label():
    assert confusion_matrix(TRUTH, PREDICTED, 4).tolist() == [[2, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]


def test_weighted_f1_of_several_labels_weighs_each_by_how_often_it_is_true():
    truth = np.array([[1, 0], [1, 0], [1, 1], [0, 0]])
    predicted = np.array([[1, 1], [1, 0], [0, 1], [0, 0]])
    metrics = multi_label_metrics(truth, predicted)
    f1 = [2 * 2 / (3 + 2), 2 * 1 / (1 + 2)]
    assert metrics["weighted_f1"] == pytest.approx((3 * f1[0] + 1 * f1[1]) / 4)
    assert metrics["macro_f1"] == pytest.approx(sum(f1) / 2)


@pytest.mark.parametrize("constant", [2.7148, 1 / 3, 1e9 + 0.1])
def test_nothing_correlates_with_a_constant(constant):
    numbers = np.random.default_rng(0).normal(size=1_379)
    for a, b in ((numbers, np.full(1_379, constant)), (np.full(1_379, constant), numbers)):
        assert correlation(a, b) == 0.0


def test_a_model_that_guesses_evenly_is_as_perplexed_as_it_has_pieces():
    metrics = next_piece_metrics(loss=12 * math.log(50), right=3, count=12)
    assert metrics == pytest.approx({"perplexity": 50, "token_accuracy": 0.25})


def test_a_perplexity_beyond_all_numbers_is_infinite():
    assert next_piece_metrics(loss=9e3, right=0, count=9)["perplexity"] == math.inf
