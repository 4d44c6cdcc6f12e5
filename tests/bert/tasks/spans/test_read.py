"""SQuAD's JSON is read, and an answer outside of its context is named."""

import gzip
import json
import os
from pathlib import Path

import pytest

from bert.errors import InputError
from bert.tasks.options import Columns
from bert.tasks.spans.read import Question, hold_out_articles, is_squad, read_questions


def read(path, labelled=True):
    return list(read_questions(path, Columns("question", "context"), labelled))


def squad(tmp_path, *asked, context="The cat sat."):
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"data": [{"paragraphs": [{"context": context, "qas": list(asked)}]}]}))
    return path


def ask(text="cat", start=4, **changes):
    answers = [{"text": text, "answer_start": start}]
    return {"id": "q1", "question": "Who sat?", "answers": answers} | changes


def test_questions_are_read_with_their_answers(tmp_path):
    path = squad(tmp_path, ask(), ask(is_impossible=True, id="q2"), ask(answers=[], id="q3"))
    first, second, third = read(path)
    assert first == Question(0, "q1", "Who sat?", "The cat sat.", (("cat", 4),))
    assert second.answers == third.answers == ()
    assert read(squad(tmp_path, ask("dog", 99)), labelled=False)[0].answers == ()


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
        read(squad(tmp_path, asked))
    assert str(tmp_path / "a.json") in str(caught.value)


def test_other_json_is_refused(tmp_path):
    path = tmp_path / "a.json"
    for content in ({}, {"data": [7]}, {"data": []}, {"data": [{"paragraphs": [{"qas": []}]}]}):
        path.write_text(json.dumps(content))
        with pytest.raises(InputError, match="SQuAD's form was expected"):
            read(path)


def test_a_compressed_file_is_read_like_a_plain_one(tmp_path):
    plain = squad(tmp_path, ask())
    packed = tmp_path / "b.JSON.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert is_squad(packed)
    assert read(packed) == read(plain)


def test_squads_form_is_told_from_a_table_of_questions(tmp_path):
    assert is_squad(squad(tmp_path, ask()))
    (tmp_path / "b.json").write_text(json.dumps({"question": "Who?", "context": "The cat."}))
    (tmp_path / "c.json").write_text('{"question": "Who?"}\n{"question": "What?"}\n')
    (tmp_path / "d.jsonl").write_text('{"data": []}')
    assert not any(is_squad(tmp_path / name) for name in ("b.json", "c.json", "d.jsonl", "nowhere.json"))


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
        questions = read(Path(os.environ["BERT_DATA"], "xquad", f"{language}.train.json"))
        assert len(questions) == 925
        assert len({question.article for question in hold_out_articles(questions)[1]}) == 9


def test_a_table_of_questions_has_no_ids_and_needs_both_columns(tmp_path):
    (tmp_path / "a.tsv").write_text("question\tcontext\nWho sat?\tThe cat sat.\n")
    assert read(tmp_path / "a.tsv", labelled=False) == [Question(0, None, "Who sat?", "The cat sat.", ())]
    with pytest.raises(InputError, match="a question needs its context"):
        list(read_questions(tmp_path / "a.tsv", Columns("question"), labelled=False))
