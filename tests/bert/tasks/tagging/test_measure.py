"""Entities are counted as conlleval counts them, whatever the tags."""

import random

import pytest

from bert.tasks.metrics import Counts
from bert.tasks.tagging.measure import count_entities


def test_an_entity_is_right_where_type_start_and_end_are():
    truth = [["B-A", "I-A", "O", "B-B"], ["B-A"]]
    predicted = [["B-A", "O", "O", "B-B"], ["B-B"]]
    counts, by_type = count_entities(truth, predicted)
    assert counts == Counts(true=3, predicted=3, right=1)
    assert by_type == {"A": Counts(2, 1, 0), "B": Counts(1, 2, 1)}
    assert (by_type["B"].precision, by_type["B"].recall) == (0.5, 1.0)
    assert by_type["B"].f1 == pytest.approx(2 / 3)


def test_nothing_is_a_score_of_0():
    counts, by_type = count_entities([["O"]], [["O"]])
    assert (counts.precision, counts.recall, counts.f1, by_type) == (0, 0, 0, {})


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore::UserWarning")  # seqeval's, about divisions by zero
def test_scores_are_seqevals_on_random_tags_ill_formed_ones_included():
    metrics = pytest.importorskip("seqeval.metrics")
    generator = random.Random(0)
    tags = ["O"] + [f"{prefix}-{kind}" for prefix in "BIES" for kind in ("PER", "LOC", "A-B")]
    for choice in (tags, [tag for tag in tags if tag[0] in "BIO"]):
        for _ in range(150):
            truth, predicted = [], []
            for _ in range(generator.randint(1, 6)):
                length = generator.randint(1, 12)
                truth.append(generator.choices(choice, k=length))
                predicted.append([tag if generator.random() < 0.7 else generator.choice(choice) for tag in truth[-1]])
            counts, by_type = count_entities(truth, predicted)
            assert counts.precision == pytest.approx(metrics.precision_score(truth, predicted, zero_division=0))
            assert counts.recall == pytest.approx(metrics.recall_score(truth, predicted, zero_division=0))
            assert counts.f1 == pytest.approx(metrics.f1_score(truth, predicted, zero_division=0))
            report = metrics.classification_report(truth, predicted, output_dict=True, zero_division=0)
            for kind, each in by_type.items():
                if each.true:
                    assert each.f1 == pytest.approx(report[kind]["f1-score"])
