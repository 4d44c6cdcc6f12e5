"""SQuAD's JSON is read, and an answer outside of its context is named."""

import gzip
import json
import os
from pathlib import Path

import pytest

from bert.errors import InputError
from bert.files import json_objects
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


def test_a_question_with_a_misplaced_answer_is_left_out_and_counted(tmp_path):
    twice = {"context": "A cat saw the cat."}
    asked = [ask(start=2, id="good"), ask(start=13, id="late"), ask("cat", 99, id="far"), ask(id="none", answers=[])]
    with pytest.warns(UserWarning, match=r"2 rows are left out \(question late: the answer 'cat' does not stand at 13"):
        assert [question.id for question in read(squad(tmp_path, *asked, **twice))] == ["good", "none"]
    several = [{"text": "cat", "answer_start": 2}, {"text": "cat", "answer_start": 3}]
    with pytest.warns(UserWarning, match="1 row is left out"):
        assert [each.id for each in read(squad(tmp_path, ask(answers=several), asked[0], **twice))] == ["good"]


def test_if_no_answer_is_at_its_place_the_file_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"question q1: the answer 'cat' does not stand at 5 .* and no other answer"):
        read(squad(tmp_path, ask(start=5), ask(id="q2", answers=[])))  # not a set without answers


def test_other_bad_questions_are_reported_together_or_left_out(tmp_path):
    path = squad(tmp_path, ask(question=" "), ask(id="q2"), ask(id="q3", answers=None))
    with pytest.raises(InputError, match=r"2 rows are bad \(question q1: its 'question' .*; question q3: has no list"):
        read(path)
    with pytest.warns(UserWarning, match="2 rows are left out"):
        questions = list(read_questions(path, Columns("question", "context", bad_rows="skip"), True))
    assert [question.id for question in questions] == ["q2"]


FLAT = {"id": "a1", "title": "Cats", "context": "The cat sat.", "question": "Who sat?"}


def flat(tmp_path, *answers, name="a.jsonl", **changes):
    rows = [FLAT | {"id": f"a{number}", "answers": answer} | changes for number, answer in enumerate(answers)]
    path = tmp_path / name
    path.write_text(json.dumps(rows) if name.endswith(".json") else "\n".join(map(json.dumps, rows)))
    return path


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_lines_with_a_question_each_are_read(tmp_path, name):
    answer, none = {"text": ["cat", "The cat"], "answer_start": [4, 0]}, {"text": [], "answer_start": []}
    path = flat(tmp_path, answer, none, name=name)
    assert not is_squad(path)
    first, second = read(path)
    assert first == Question(0, "a0", "Who sat?", "The cat sat.", (("cat", 4), ("The cat", 0)))
    assert second.answers == ()
    misplaced = {"text": ["cat"], "answer_start": [5]}
    with pytest.warns(UserWarning, match=r"1 row is left out \(question a1: the answer 'cat' does not stand at 5"):
        assert len(read(flat(tmp_path, answer, misplaced, none, name=name))) == 2


def test_lines_of_one_title_or_of_one_context_are_one_article(tmp_path):
    none = {"text": [], "answer_start": []}
    rows = [FLAT | {"title": title, "context": context, "answers": none} for title, context in
            (("A", "x"), ("B", "y"), ("A", "z"), (None, "w"), (None, "x"), (None, "w"))]  # fmt: skip
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert [question.article for question in read(tmp_path / "a.jsonl")] == [0, 1, 0, 2, 3, 2]


@pytest.mark.parametrize(
    ("answers", "changes", "message"),
    [({"text": ["cat"], "answer_start": []}, {}, "question a0: 'text' has 1 items and 'answer_start' 0"),
     ({"text": "cat", "answer_start": [4]}, {}, "question a0: has no list 'text'"), (None, {}, "has no list 'answers'"),
     ([], {"context": " "}, "line 1: its 'context' is not a text or is empty")],
)  # fmt: skip
def test_a_line_that_does_not_fit_is_named(tmp_path, answers, changes, message):
    with pytest.raises(InputError, match=message):
        read(flat(tmp_path, answers, **changes))


def test_answers_stand_in_json_alone(tmp_path):
    (tmp_path / "a.tsv").write_text("question\tcontext\tanswers\nWho?\tThe cat.\tcat\n")
    with pytest.raises(
        InputError, match=r"a\.tsv: questions with their answers were expected, SQuAD's \.json or \.jsonl"
    ):
        read(tmp_path / "a.tsv")


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


@pytest.mark.parametrize("begin", ['{"data": [', '{"version": "v2.0",\n "data" : [\n'])
def test_a_squad_file_that_is_too_large_or_cut_short_is_refused_for_that(tmp_path, monkeypatch, begin):
    path, article = tmp_path / "a.json", json.loads(squad(tmp_path, ask()).read_text())["data"][0]
    path.write_text(begin + ",".join([json.dumps(article)] * 100) + "]}")
    assert len(read(path)) == 100
    for content, limit, message in (
        (path.read_text()[:-2], 1 << 24, "is not JSON"),
        (path.read_text(), 1000, "values"),
    ):
        path.write_text(content)
        monkeypatch.setattr(json_objects, "MOST_JSON_VALUES", limit)
        for labelled in (True, False):
            with pytest.raises(InputError, match=rf"a\.json: .*{message}"):
                read(path, labelled)


def test_many_lines_with_a_question_each_may_be_named_json(tmp_path, monkeypatch):
    monkeypatch.setattr(json_objects, "MOST_JSON_VALUES", 100)
    path = tmp_path / "a.json"
    line = {
        "id": "1",
        "question": '"data": [',
        "context": "The cat.",
        "answers": {"text": ["cat"], "answer_start": [4]},
    }
    path.write_text((json.dumps(line) + "\n") * 100)
    assert len(read(path)) == 100


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
    with pytest.raises(
        InputError, match=r"a\.tsv: a question needs its context: name the columns of both, --text-column"
    ):
        list(read_questions(tmp_path / "a.tsv", Columns("question"), labelled=False))
