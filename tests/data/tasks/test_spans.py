"""SQuAD's JSON is read, and an answer outside of its context is named."""

import json
import os
from pathlib import Path

import pytest

from bert.errors import InputError
from data.tasks.spans import Question, hold_out_articles, read_questions


def squad(tmp_path, *asked, context="The cat sat."):
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"data": [{"paragraphs": [{"context": context, "qas": list(asked)}]}]}))
    return path


def ask(text="cat", start=4, **changes):
    answers = [{"text": text, "answer_start": start}]
    return {"id": "q1", "question": "Who sat?", "answers": answers} | changes


def test_questions_are_read_with_their_answers(tmp_path):
    path = squad(tmp_path, ask(), ask(is_impossible=True, id="q2"), ask(answers=[], id="q3"))
    first, second, third = read_questions(path)
    assert first == Question(0, "q1", "Who sat?", "The cat sat.", (("cat", 4),))
    assert second.answers == third.answers == ()
    assert read_questions(squad(tmp_path, ask("dog", 99)), with_answers=False)[0].answers == ()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (ask("dog", 4), "question q1: the answer 'dog' does not stand at 4 .* context of 12 characters"),
        (ask("cat", 5), "does not stand at 5"),
        (ask("cat", 400), "does not stand at 400"),
        (ask("cat", -8), "does not stand at -8"),
        (ask("cat", "4"), "does not stand at '4'"),
        (ask(question=" "), "question q1: its 'question' is not a text or is empty"),
        (ask(answers="cat"), "question q1: has no list 'answers'"),
        ("q1", "its 'question' is not a text"),
    ],
)
def test_what_is_not_squads_form_is_named(tmp_path, asked, message):
    with pytest.raises(InputError, match=message) as caught:
        read_questions(squad(tmp_path, asked))
    assert str(tmp_path / "a.json") in str(caught.value)


def test_other_json_is_refused(tmp_path):
    path = tmp_path / "a.json"
    for content in ({}, {"data": [7]}, {"data": []}, {"data": [{"paragraphs": [{"qas": []}]}]}):
        path.write_text(json.dumps(content))
        with pytest.raises(InputError, match="SQuAD's form was expected"):
            read_questions(path)


def test_whole_articles_are_held_out():
    questions = [Question(number // 3, str(number), "q", f"context {number // 3}", ()) for number in range(24)]
    training, held_out = hold_out_articles(questions)
    assert {question.article for question in held_out} == {3, 7}
    assert len(training) + len(held_out) == 24
    with pytest.raises(InputError, match="too few to hold out"):
        hold_out_articles(questions[:6])


def test_xquad_is_read_to_the_last_question():
    if "BERT_DATA" not in os.environ:
        pytest.skip("BERT_DATA does not name a folder of data sets")
    for language in ("en", "zh"):
        questions = read_questions(Path(os.environ["BERT_DATA"], "xquad", f"{language}.train.json"))
        assert len(questions) == 925
        assert len({question.article for question in hold_out_articles(questions)[1]}) == 9
