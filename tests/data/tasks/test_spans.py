"""Whole articles are held out, and real questions are read with their answers."""

import os
from pathlib import Path

import pytest

from bert.errors import InputError
from bert.task_inputs.questions import Question
from data.tasks.spans import hold_out_articles, read_answered_questions


def test_whole_articles_are_held_out():
    questions = [Question(number // 3, str(number), "q", f"context {number // 3}", ()) for number in range(24)]
    training, held_out = hold_out_articles(questions)
    assert {question.article for question in held_out} == {3, 7}
    assert len(training) + len(held_out) == 24
    with pytest.raises(InputError, match="too few to hold out"):
        hold_out_articles(questions[:6])


def test_articles_without_questions_do_not_count():
    questions = [Question(4 * number + 3, str(number), "q", f"context {number}", ()) for number in range(8)]
    training, held_out = hold_out_articles(questions)
    assert [question.id for question in held_out] == ["3", "7"]
    assert len(training) == 6
    with pytest.raises(InputError, match="too few to hold out"):
        hold_out_articles(questions[:3])


def test_xquad_is_read_to_the_last_question():
    if "BERT_DATA" not in os.environ:
        pytest.skip("BERT_DATA does not name a folder of data sets")
    for language in ("en", "zh"):
        questions = read_answered_questions(Path(os.environ["BERT_DATA"], "xquad", f"{language}.train.json"))
        assert len(questions) == 925
        assert len({question.article for question in hold_out_articles(questions)[1]}) == 9
