"""Exact match and F1 as the official scripts define them."""

import pytest

from bert.tasks.spans.measure import exact_match, f1, normalized


@pytest.mark.parametrize(
    ("answer", "expected"),
    [("The  Cat.", "cat"), ("A man, an apple; the end!", "man apple end"), ("theatre", "theatre"),
     ("U.S.-led", "usled"), ("Ünï — “x”", "ünï — “x”"), ("a", "")],
)  # fmt: skip
def test_articles_punctuation_capitals_and_spaces_do_not_count(answer, expected):
    assert normalized(answer) == expected


def test_any_answer_may_match():
    assert exact_match("the Broncos", ["Denver", "Broncos!"]) == 1
    assert exact_match("Broncos win", ["Denver", "Broncos"]) == 0


def test_the_best_overlap_of_words_counts():
    assert f1("Denver Broncos", ["Broncos", "the Denver Broncos of 2015"]) == pytest.approx(2 * 2 / (2 + 4))
    assert f1("Denver", ["Broncos"]) == 0
    assert f1("to be to", ["be to to to"]) == pytest.approx(2 * 3 / 7)  # as often as in both


def test_where_there_is_no_answer_none_is_right():
    assert exact_match("", []) == f1("", []) == 1
    assert exact_match("x", []) == f1("x", []) == 0
    assert exact_match("", ["x"]) == f1("", ["x"]) == 0
    assert f1("the", []) == 1  # nothing is left of it
