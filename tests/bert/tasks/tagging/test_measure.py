"""Entities are counted as conlleval counts them, whatever the tags."""

import random

import pytest

from bert.tasks.metrics import Counts
from bert.tasks.options import Options
from bert.tasks.tagging.measure import Entity, count_entities, find_entities, measure_tags
from bert.tasks.tagging.predict import WordTags
from bert.tasks.tagging.read import TaggedSentence

CASES = {  # by the rules of conlleval's startOfChunk and endOfChunk
    "B-A I-A O B-A": [("A", 0, 2), ("A", 3, 4)],
    "B-A B-A": [("A", 0, 1), ("A", 1, 2)],
    "I-A I-A O": [("A", 0, 2)],
    "B-A I-B": [("A", 0, 1), ("B", 1, 2)],
    "S-A B-A E-A": [("A", 0, 1), ("A", 1, 3)],
    "E-A I-A": [("A", 0, 1), ("A", 1, 2)],
    "S-A I-A": [("A", 0, 1), ("A", 1, 2)],
    "B-A-B I-A-B I-A": [("A-B", 0, 2), ("A", 2, 3)],
    "O O": [],
    "": [],
}


@pytest.mark.parametrize("tags", CASES)
def test_entities_begin_and_end_by_conllevals_rules(tags):
    assert find_entities(tags.split()) == [Entity(*entity) for entity in CASES[tags]]


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


def test_a_word_without_a_piece_is_outside_and_the_sentence_with_most_mistakes_is_shown_first():
    labels = ["O", "B-A", "I-A"]
    sentences = [
        TaggedSentence(3, ("one", "\u200b", "two"), ("B-A", "I-A", "O")),
        TaggedSentence(8, ("three", "four"), ("B-A", "I-A")),
        TaggedSentence(12, ("five", "six"), ("O", "B-A")),
    ]
    tags = [([0, 2], [1, 0]), ([0, 1], [0, 0]), ([0, 1], [0, 1])]  # words that have a piece, and their tags
    predictions = [WordTags(words, None, ids) for words, ids in tags]
    found = measure_tags(sentences, predictions, labels, Options(16), True)
    assert found.metrics["accuracy"] == 4 / 7
    assert (found.metrics["precision"], found.metrics["recall"]) == (1 / 2, 1 / 3)
    assert [list(row) for row in found.rows] == [
        [3, "one", "B-A", "B-A"], [4, "\u200b", "I-A", "O"], [5, "two", "O", "O"], [8, "three", "B-A", "O"],
        [9, "four", "I-A", "O"], [12, "five", "O", "O"], [13, "six", "B-A", "B-A"],
    ]  # fmt: skip
    page = dict(found.sections)["Most mistakes"]
    assert page.index("three [B-A, not O]") < page.index("one")
    assert "five" not in page


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
