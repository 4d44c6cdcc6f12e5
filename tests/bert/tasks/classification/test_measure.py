"""What is measured on a set of labelled texts, and which mistakes the report shows."""

import numpy as np
import pytest

from bert.tasks.classification.measure import measure_labels, worst_mistakes
from bert.tasks.classification.predict import LabelScores
from bert.tasks.classification.read import MULTI, REGRESSION, SINGLE, Example
from bert.tasks.options import Options

LABELS = ["bird", "king", "stone"]
OPTIONS = Options(16, separator=";")


def measured(labels, probabilities, problem_type, names=LABELS, in_full=True):
    examples = [Example(10 + number, f"text {number}", None, label) for number, label in enumerate(labels)]
    scores = [LabelScores(np.zeros(len(row)), np.array(row, np.float32)) for row in probabilities]
    return measure_labels(examples, scores, names, OPTIONS, in_full, problem_type)


def test_the_most_probable_label_is_the_prediction():
    found = measured(["king", "bird", "stone"], [[0.2, 0.5, 0.3], [0.4, 0.35, 0.25], [0.7, 0.2, 0.1]], SINGLE)
    assert found.metrics["accuracy"] == pytest.approx(2 / 3)
    assert found.header == ["line", "label", "prediction", "p(bird)", "p(king)", "p(stone)", "text"]
    assert [row[:3] for row in found.rows] == [[10, "king", "king"], [11, "bird", "bird"], [12, "stone", "bird"]]
    assert found.rows[0][3:6] == pytest.approx([0.2, 0.5, 0.3])
    assert found.rows[0][6:] == ["text 0"]


def test_a_text_between_pairs_has_an_empty_second_column():
    examples = [Example(1, "a", None, "bird"), Example(2, "b", "c", "king")]
    found = measure_labels(examples, [LabelScores(np.zeros(3), np.eye(3)[0])] * 2, LABELS, OPTIONS, True)
    assert found.header[-2:] == ["text", "text_pair"]
    assert [row[-2:] for row in found.rows] == [["a", ""], ["b", "c"]]


def test_of_several_labels_those_above_a_half_are_predicted():
    truth = [("bird", "king"), (), ("stone",)]
    found = measured(truth, [[0.51, 0.49, 0.1], [0.45, 0.4, 0.3], [0.2, 0.55, 0.9]], MULTI)
    assert found.metrics["accuracy"] == pytest.approx(1 / 3)  # of the second text all labels are right
    assert found.metrics["micro_f1"] == pytest.approx(2 * 2 / (3 + 3))
    assert [row[1:3] for row in found.rows] == [["bird;king", "bird"], ["", ""], ["stone", "king;stone"]]


def test_numbers_are_compared_with_numbers():
    found = measured([1.0, 2.0, 4.0], [[1.5], [2.0], [3.0]], REGRESSION, ["score"])
    assert found.metrics["mean_squared_error"] == pytest.approx((0.25 + 0 + 1) / 3)
    assert found.metrics["spearman"] == pytest.approx(1)
    assert [row[:3] for row in found.rows] == [[10, "1", "1.5"], [11, "2", "2"], [12, "4", "3"]]


def test_the_worst_mistakes_are_the_most_confident_ones_and_no_right_one_is_among_them():
    single = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.05, 0.95]])
    assert worst_mistakes(np.array([1, 0, 0, 1]), single, SINGLE, 9) == [(0, 0.9), (2, 0.8), (1, 0.6)]
    assert worst_mistakes(np.array([1, 0, 0, 1]), single, SINGLE, 2) == [(0, 0.9), (2, 0.8)]
    several = np.array([[0.9, 0.6], [0.4, 0.1], [0.2, 0.7]])
    truth = np.array([[1, 0], [0, 0], [1, 1]])
    assert worst_mistakes(truth, several, MULTI, 9) == [(2, pytest.approx(0.8)), (0, pytest.approx(0.6))]
    numbers = np.array([[1.0], [5.0], [2.0]])
    assert worst_mistakes(np.array([3.0, 5.0, 1.5]), numbers, REGRESSION, 9) == [(0, 2.0), (2, 0.5)]


def test_the_report_has_its_parts_in_full_alone():
    labels, probabilities = ["king", "bird"], [[0.2, 0.5, 0.3], [0.4, 0.35, 0.25]]
    assert [section.heading for section in measured(labels, probabilities, SINGLE).sections] == [
        "Confusion matrix", "Most confidently wrong", "By class",
    ]  # fmt: skip
    brief = measured(labels, probabilities, SINGLE, in_full=False)
    assert brief.metrics == measured(labels, probabilities, SINGLE).metrics
    assert (brief.rows, brief.sections) == ((), ())


def test_a_pair_is_laid_out_as_two_texts_and_each_class_has_its_row():
    examples = [Example(1, "first <b>", "second", "king"), Example(2, "third", "fourth", "bird")]
    scores = [LabelScores(np.zeros(3), np.array(row, np.float32)) for row in ([0.9, 0.1, 0], [0.8, 0.1, 0.1])]
    _, mistakes, by_class = measure_labels(examples, scores, LABELS, OPTIONS, True).sections
    assert '<p dir="auto"><bdi>first &lt;b&gt;</bdi></p><p dir="auto"><bdi>second</bdi></p>' in mistakes.content
    assert "third" not in mistakes.content
    assert "<td>bird</td><td>0.5000</td><td>1.0000</td><td>0.6667</td><td>1</td>" in by_class.content
    assert "<td>macro avg</td><td>0.1667</td><td>0.3333</td><td>0.2222</td><td></td>" in by_class.content
