"""Entities are counted as conlleval counts them, whatever the tags."""

import random

import numpy as np
import pytest

from bert.tasks.metrics import Counts
from bert.tasks.options import Options
from bert.tasks.tagging.measure import count_entities, count_tags, measure_tags, metrics_of_tags
from bert.tasks.tagging.predict import WordTags
from bert.tasks.tagging.sentence import TaggedSentence


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
    page = found.sections[0].content
    assert page.index('<mark class="true">three four</mark><small class="true">true A</small>') < page.index("one")
    assert "five" not in page


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")  # seqeval's, about divisions by zero
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


def measured(sentences, predicted, labels):
    """How good tags are: for each word a label's index, or None if it has no piece."""
    predictions = [
        WordTags([place for place, tag in enumerate(tags) if tag is not None], np.empty((0, len(labels))),
                 [tag for tag in tags if tag is not None])
        for tags in predicted
    ]  # fmt: skip
    return measure_tags(sentences, predictions, labels, Options(8), in_full=True)


def test_tags_that_mark_no_entities_have_accuracy_and_the_mean_f1_of_the_tags():
    labels = ["ADJ", "DET", "NOUN", "VERB"]
    sentences = [TaggedSentence(4, ("a", "b", "c", "d"), ("DET", "NOUN", "VERB", "NOUN"))]
    result = measured(sentences, [[1, 2, 2, None]], labels)
    assert tuple(result.metrics) == metrics_of_tags(labels) == ("accuracy", "macro_f1")
    assert result.metrics["accuracy"] == 0.5
    assert result.metrics["macro_f1"] == pytest.approx((1 + 1 / 2 + 0) / 3)  # of DET, NOUN and VERB
    assert result.rows[-1] == [7, "d", "NOUN", "_"]  # a word without a piece has no tag
    assert [section.heading for section in result.sections] == ["Most mistakes", "Words by tag"]


def test_entities_have_their_scores_and_a_word_without_a_piece_is_outside():
    labels = ["O", "B-X", "I-X"]
    result = measured([TaggedSentence(1, ("a", "b", "c"), ("B-X", "I-X", "O"))], [[1, 2, None]], labels)
    assert tuple(result.metrics) == metrics_of_tags(labels) == ("f1", "precision", "recall", "accuracy")
    assert set(result.metrics.values()) == {1.0}
    assert [section.heading for section in result.sections] == ["Most mistakes", "Entities by type"]


@pytest.mark.peers
def test_macro_f1_and_accuracy_are_scikit_learns():
    from sklearn.metrics import accuracy_score, f1_score

    generator, labels = random.Random(5), ["ADJ", "DET", "NOUN", "VERB"]
    for _ in range(20):
        truth, predicted = generator.choices(range(4), k=15), generator.choices(range(4), k=15)
        sentence = TaggedSentence(1, ("a",) * 15, tuple(labels[tag] for tag in truth))
        metrics = measured([sentence], [predicted], labels).metrics
        assert metrics["accuracy"] == pytest.approx(accuracy_score(truth, predicted))
        assert metrics["macro_f1"] == pytest.approx(f1_score(truth, predicted, average="macro"))


def test_tags_are_counted_word_by_word():
    assert count_tags([["A", "B"], ["A"]], [["A", "A"], ["C"]]) == {
        "A": Counts(2, 2, 1), "B": Counts(1, 0, 0), "C": Counts(0, 1, 0),
    }  # fmt: skip


def test_the_page_marks_right_missed_and_wrong_entities_and_other_tags_if_they_are_wrong():
    sentence = TaggedSentence(1, ("Ann", "saw", "New", "York", "<now>"), ("B-P", "O", "B-L", "I-L", "O"))
    page = measured([sentence], [[1, 0, 3, 0, 1]], ["O", "B-P", "I-P", "B-L", "I-L"]).sections[0].content
    assert '<mark class="right">Ann</mark><small class="right">P</small> saw ' in page
    assert '<mark class="true predicted">New</mark><small class="predicted">predicted L</small>' in page
    assert '<mark class="true"> York</mark><small class="true">true L</small> ' in page
    assert '<mark class="predicted">&lt;now&gt;</mark><small class="predicted">predicted P</small>' in page
    page = measured([TaggedSentence(4, ("a", "b"), ("DET", "NOUN"))], [[0, 0]], ["DET", "NOUN"]).sections[0].content
    assert (
        'a <mark class="true predicted">b</mark><small class="true">true NOUN</small>'
        '<small class="predicted">predicted DET</small>'
    ) in page
