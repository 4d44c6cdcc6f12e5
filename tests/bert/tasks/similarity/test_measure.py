"""Correlations of cosines and scores, the words in common, and the report."""

import pytest

from bert.tasks.classification.read import Example
from bert.tasks.options import Options
from bert.tasks.similarity.measure import baseline_of_overlap, measure_similarity
from bert.tasks.similarity.predict import similarity_rows

PAIRS = [
    Example(1, "a road", "the road", 4.0),
    Example(2, "a king", "a king", 5.0),
    Example(3, "a ship", "the garden", 1.0),
    Example(4, "a bird sings", "a stone falls", 0.0),
]
OPTIONS = Options(16, score_range=(0.0, 5.0))


def test_what_counts_is_the_order_of_the_cosines():
    measured = measure_similarity(PAIRS, [0.5, 0.6, 0.2, -0.1], (), OPTIONS, False).metrics
    assert measured["spearman"] == pytest.approx(1.0) and measured["pearson"] < 1
    assert measure_similarity(PAIRS, [0.3] * 4, (), OPTIONS, False).metrics == {"spearman": 0.0, "pearson": 0.0}


def test_the_words_in_common_are_the_guess():
    baseline = baseline_of_overlap(PAIRS, (), OPTIONS)
    assert list(map(baseline.guess, PAIRS)) == [1 / 3, 1.0, 0.0, 1 / 5]


def test_predictions_are_on_the_scale_of_the_training_scores_and_the_farthest_off_comes_first():
    evaluation = measure_similarity(PAIRS, [0.8, 0.2, 0.2, -0.1], (), OPTIONS, True)
    assert evaluation.header == ["line", "label", "prediction", "cosine", "text", "text_pair"]
    assert evaluation.rows[0] == [1, "4", "4", 0.8, "a road", "the road"]
    (section,) = evaluation.sections
    assert section.content.index("a king") < section.content.index("a bird sings")
    rows = list(similarity_rows(None, zip(PAIRS, [0.8, -0.1]), OPTIONS))
    assert rows == [
        ["prediction", "cosine", "text", "text_pair"],
        ["4", 0.8, "a road", "the road"],
        ["-0.5", -0.1, "a king", "a king"],
    ]
