"""Exact match and F1 as the official scripts define them."""

import itertools

import pytest

from bert.tasks.options import Options
from bert.tasks.spans.measure import exact_match, f1, measure_answers, normalized
from bert.tasks.spans.predict import Answer
from bert.tasks.spans.read import Question


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


def official(predicted, answers, version_2):
    """(exact match, F1) by the rules of ``evaluate-v1.1.py`` and ``evaluate-v2.0.py``, written down anew."""
    if version_2:
        answers = [answer for answer in answers if normalized(answer)] or [""]
    found, scores = normalized(predicted).split(), []
    for answer in answers:
        expected = normalized(answer).split()
        common = sum(min(found.count(word), expected.count(word)) for word in set(found))
        if version_2 and not (found and expected):
            scores.append(float(found == expected))
        elif common == 0:
            scores.append(0.0)
        else:
            precision, recall = common / len(found), common / len(expected)
            scores.append(2 * precision * recall / (precision + recall))
    return float(normalized(predicted) in map(normalized, answers)), max(scores)


def test_both_versions_of_squad_count_as_their_scripts_do():
    texts, differ = ["the", "a", "...", "", "the cat", "cat", "a cat sat", "dog"], 0
    for predicted in texts:
        for answers in itertools.product(texts, texts):
            of_both = [official(predicted, answers, version_2) for version_2 in (False, True)]
            for version_2, expected in enumerate(of_both):
                ours = exact_match(predicted, answers, bool(version_2)), f1(predicted, answers, bool(version_2))
                assert ours == pytest.approx(expected)
            differ += of_both[0] != of_both[1]
    assert differ > 20  # the control: the versions do differ


@pytest.mark.parametrize(("threshold", "expected"), [(None, 0.0), (0.0, 1.0)])
def test_a_set_is_measured_by_the_script_of_its_version(threshold, expected):
    question, answer = Question(0, "q", "Which article?", "the cat", (("the", 0),)), Answer(0, 3, 5.0, 1.0)
    options = Options(32, null_threshold=threshold)
    evaluation = measure_answers([question], [answer], (), options, in_full=False)
    assert evaluation.metrics == {"f1": expected, "exact_match": 1.0 if threshold is None else expected}
    unanswered = question._replace(answers=())  # such a question is of version 2, whatever was trained on
    both = measure_answers([question, unanswered], [answer] * 2, (), Options(32), in_full=False)
    assert both.metrics["f1"] == 1.0


def test_a_set_is_measured_by_the_means_and_shows_the_most_confident_of_the_wholly_wrong_answers():
    context = "the cat sat on the old mat"
    questions = [
        Question(0, "right", "q0", context, (("cat", 4),)),
        Question(0, "half", "q1", context, (("old mat", 19),)),
        Question(0, "wrong", "q2", context, (("mat", 23),)),
        Question(0, "surely wrong", "q3", context, (("sat", 8),)),
        Question(0, "none", "q4", context, ()),
    ]
    spans = [(4, 7), (19, 22), (4, 7), (4, 7), (4, 7)]
    scores = [(5.0, 1.0), (5.0, 1.0), (3.0, 1.0), (9.0, 1.0), (1.0, 5.0)]  # of the answer, and of none
    answers = [Answer(*span, *score) for span, score in zip(spans, scores)]
    found = measure_answers(questions, answers, (), Options(16, null_threshold=0.0), True)
    assert found.metrics == pytest.approx({"f1": (1 + 2 / 3 + 0 + 0 + 1) / 5, "exact_match": 2 / 5})
    assert [row[:3] for row in found.rows] == [
        ["right", "cat", "cat"], ["half", "old mat", "old"], ["wrong", "mat", "cat"], ["surely wrong", "sat", "cat"],
        ["none", "", ""],
    ]  # fmt: skip
    ((_, page, _),) = found.sections
    assert "q0" not in page and "q1" not in page and "q4" not in page
    assert page.index("q3") < page.index("q2")
    without = measure_answers(questions, answers, (), Options(16), False)  # every question has an answer
    assert without.metrics["exact_match"] == 1 / 5


def test_the_page_marks_the_answers_and_the_prediction_in_the_context():
    context = "the cat sat on the <old> mat"
    question = Question(0, "7", "Where?", context, (("<old> mat", 19), ("mat", 25), ("mat", 25)))
    (section,) = measure_answers([question], [Answer(4, 7, 3.0, 1.0)], (), Options(16), True).sections
    assert 'the <mark class="predicted">cat</mark><small class="predicted">predicted</small> sat' in section.content
    assert '<mark class="true">&lt;old&gt; </mark><mark class="true">mat</mark><small class="true">true</small>' in (
        section.content
    )
    assert '<dd class="true"><bdi>&lt;old&gt; mat | mat</bdi></dd>' in section.content
    unanswered = question._replace(answers=())
    (section,) = measure_answers(
        [unanswered], [Answer(4, 7, 3.0, 1.0)], (), Options(16, null_threshold=0.0), True
    ).sections
    assert '<dd class="true"><bdi>no answer</bdi></dd>' in section.content
