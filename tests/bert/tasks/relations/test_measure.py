"""Relations are counted as the official scorer counts them."""

import random

import pytest

from bert.tasks.metrics import Counts
from bert.tasks.relations.measure import OTHER, count_relations, official_macro_f1, undirected

LABELS = [f"{name}(e{a},e{3 - a})" for name in ("Cause-Effect", "Entity-Origin", "Message-Topic") for a in (1, 2)]


def score(truth, predicted) -> float:
    return official_macro_f1(count_relations(truth, predicted))


def brute_force(truth, predicted) -> float:
    """The scorer's steps, written out: the confusion matrix of undirected relations, less the wrong directions."""
    pairs = list(zip(truth, predicted))
    scores = []
    for relation in {label.split("(")[0] for label in truth} - {OTHER}:
        of_relation = [(a, b) for a, b in pairs if b.split("(")[0] == relation]
        wrong_direction = [(a, b) for a, b in of_relation if a.split("(")[0] == relation and a != b]
        right = len([a for a, b in of_relation if a == b])
        in_column = len(of_relation) - len(wrong_direction)
        precision = right / (in_column + len(wrong_direction)) if of_relation else 0
        recall = right / len([a for a in truth if a.split("(")[0] == relation])
        scores.append(2 * precision * recall / (precision + recall) if right else 0)
    return sum(scores) / len(scores) if scores else 0


def test_a_wrong_direction_is_wrong_though_both_directions_are_one_relation():
    truth = ["A-B(e1,e2)", "A-B(e1,e2)", "A-B(e2,e1)", "C-D(e1,e2)", OTHER]
    predicted = ["A-B(e1,e2)", "A-B(e2,e1)", "A-B(e2,e1)", OTHER, "C-D(e1,e2)"]
    counts = count_relations(truth, predicted)
    assert counts == {
        "A-B": Counts(3, 3, 2), "C-D": Counts(1, 1, 0), OTHER: Counts(1, 1, 0),
    }  # fmt: skip
    assert official_macro_f1(counts) == pytest.approx((2 / 3 + 0) / 2)
    assert counts["A-B"].precision == counts["A-B"].recall == counts["A-B"].f1 == pytest.approx(2 / 3)


def test_a_published_row_of_the_scorer_comes_out():
    # Printed by the scorer: Content-Container : P = 160/(194 + 4) = 80.81%   R = 160/192 = 83.33%   F1 = 82.05%
    row = Counts(true=192, predicted=194 + 4, right=160)
    assert [round(100 * value, 2) for value in (row.precision, row.recall, row.f1)] == [80.81, 83.33, 82.05]


def test_the_score_is_brute_force_on_random_labels():
    generator = random.Random(0)
    seen = set()
    for _ in range(300):
        choice = generator.sample([*LABELS, OTHER], k=generator.randint(2, 7))
        truth = generator.choices(choice, k=generator.randint(1, 25))
        predicted = [label if generator.random() < 0.6 else generator.choice([*LABELS, OTHER]) for label in truth]
        assert score(truth, predicted) == pytest.approx(brute_force(truth, predicted))
        seen.add(round(score(truth, predicted), 3))
    assert len(seen) > 50  # the control: the scores differ


def test_other_counts_only_by_what_it_takes_from_the_relations():
    assert score([OTHER, "A-B(e1,e2)"], ["A-B(e1,e2)", "A-B(e1,e2)"]) == pytest.approx(2 / 3)
    assert score([OTHER, OTHER], [OTHER, "A-B(e1,e2)"]) == 0  # no relation to find


def test_a_relation_that_the_truth_lacks_does_not_lower_the_mean_by_itself():
    assert score(["A-B(e1,e2)", OTHER], ["A-B(e1,e2)", "C-D(e1,e2)"]) == 1


def test_labels_without_a_direction_are_relations_too():
    assert undirected("born_in") == "born_in"
    assert score(["born_in", "works_for"], ["born_in", "born_in"]) == pytest.approx((2 / 3 + 0) / 2)
