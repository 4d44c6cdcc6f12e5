"""What queries find among all texts of a set, and the guess by words."""

import numpy as np
import pytest

from bert.tasks.options import Options
from bert.tasks.retrieval.measure import baseline_of_words, measure_searches
from bert.tasks.retrieval.predict import search_rows
from bert.tasks.retrieval.read import Search

OPTIONS = Options(16)
SEARCHES = [
    Search(1, "a", "A.", ("C.",)),
    Search(2, "b", "B."),
    Search(3, "a", "D."),  # the first query again: it has two texts
]
EAST, NORTH, BETWEEN = [1.0, 0.0], [0.0, 1.0], [0.6, 0.8]
VECTORS = [np.array(each) for each in ([EAST, BETWEEN, NORTH], [NORTH, NORTH], [EAST, EAST])]


def test_equal_queries_are_one_and_negatives_are_texts_to_find():
    measured = measure_searches(SEARCHES, VECTORS, (), OPTIONS, True)
    # "a" finds D. at rank 1 and A. at 2. "b" has B. and C. at the same place, so B. is second.
    ideal = 1 + 1 / np.log2(3)
    assert measured.metrics == pytest.approx(
        {"mrr@10": 0.75, "recall@1": 0.25, "recall@10": 1.0, "ndcg@10": (ideal / ideal + 1 / np.log2(3)) / 2}
    )
    assert measured.header == ["line", "rank", "cosine", "prediction", "query", "text"]
    assert measured.rows == [[1, 1, 1.0, "D.", "a", "D."], [2, 2, 1.0, "C.", "b", "B."]]
    worst, best = measured.sections
    assert "<dt>rank</dt>" in worst.content and ">b<" in worst.content and ">a<" not in worst.content
    assert ">a<" in best.content and ">b<" not in best.content
    assert '<b>2.</b> <mark class="right">B.</mark> (1.000)' in worst.content
    assert "<b>1.</b> C. (1.000)" in worst.content


def test_many_queries_are_measured_in_parts(monkeypatch):
    expected = measure_searches(SEARCHES, VECTORS, (), OPTIONS, True)
    monkeypatch.setattr("bert.tasks.retrieval.measure.QUERIES_AT_A_TIME", 1)
    found = measure_searches(SEARCHES, VECTORS, (), OPTIONS, True)
    assert (found.metrics, found.rows, found.sections) == (expected.metrics, expected.rows, expected.sections)


def test_the_guess_finds_texts_by_their_words_and_rare_words_count_more():
    searches = [
        Search(1, "river king", "river one"),
        Search(2, "road king", "king two"),
        Search(3, "Zeppelin king", "zeppelin, ship"),  # words that no training text has
    ]
    baseline = baseline_of_words(searches[:2], (), OPTIONS)
    measured = measure_searches(searches, list(map(baseline.guess, searches)), (), OPTIONS, True)
    assert [row[1] for row in measured.rows] == [1, 1, 1]


def test_predictions_are_cosines():
    rows = list(search_rows(None, zip(SEARCHES, VECTORS), OPTIONS))
    assert rows[:2] == [["prediction", "query", "text"], [0.6, "a", "A."]]
    assert list(search_rows(None, zip(SEARCHES, VECTORS), Options(16, text=False)))[1] == [0.6]
