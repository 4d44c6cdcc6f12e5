"""Questions with the texts that answer them: SQuAD's JSON (Rajpurkar et al. 2016; 2.0: 2018), or a table of pairs.

    {"data": [{"paragraphs": [{"context": "...", "qas": [{"id": "...", "question": "...", "is_impossible": false,
                                                         "answers": [{"text": "...", "answer_start": 17}]}]}]}]}

JSON lines have a question each, as Hugging Face's ``datasets`` writes SQuAD:

    {"id": "...", "question": "...", "context": "...", "answers": {"text": ["..."], "answer_start": [17]}}

Some sets, above all translated ones, have answers that do not stand at their place. Such a question is left out, with a
warning. We do not look for the answer elsewhere: the same words may mean something else there.
"""

import contextlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bert.errors import InputError
from bert.files.bad_rows import BadRows
from bert.files.json_objects import read_json_object
from bert.files.reading import COMPRESSIONS, open_to_read
from bert.files.tables import read_objects, table_format
from bert.tasks.classification.read import read_examples
from bert.tasks.options import Columns

HELD_OUT_EVERY = 4  # one of so many articles is held out if there is no validation file


class Question(NamedTuple):
    """A question and its context."""

    article: int  # the index of its article in the file
    id: str | None  # None: it stands in a table, which has no ids
    question: str
    context: str
    answers: tuple[tuple[str, int], ...]  # (text, start in the context); empty: there is no answer, or it was not read


class _Row(NamedTuple):
    """A question as it stands in its file."""

    article: int
    context: str
    asked: Any


def read_questions(path: str | Path, columns: Columns, labelled: bool) -> Iterator[Question]:
    """The questions of a file, in order. Those with a misplaced answer are left out, with a warning.

    Args:
        columns: of a table of questions and contexts, without answers.
        labelled: whether answers are read; they are in the two forms of JSON alone.

    Raises:
        InputError: if the file is in no such form, or no answer is at its place.
    """
    squad = _squad_object(path)
    if not labelled and squad is None:
        if columns.text_pair is None:
            raise InputError(
                f"{path}: a question needs its context: name the columns of both, --text-column and --text-pair-column"
            )
        for example in read_examples(path, columns, labelled=False):
            yield Question(0, None, example.first, example.second or "", ())
        return
    if squad is None and table_format(path) != "jsonl":
        raise InputError(f"{path}: questions with their answers were expected, SQuAD's .json or .jsonl")
    bad, misplaced = BadRows(path, columns.bad_rows, can_skip=labelled), BadRows(path, "skip")

    def read(place: str, number: int, row: _Row) -> Question | None:
        article, context, asked = row
        place = f"{path}: question {asked.get('id', number) if isinstance(asked, dict) else asked}"
        question = _text(asked, "question", place)
        answers = _answers(asked, place) if labelled else []
        for text, start in answers:
            if type(start) is not int or start < 0 or context[start : start + len(text)] != text:
                misplaced.add(
                    f"{place}: the answer {text[:80]!r} does not stand at {start!r} (answer_start, in characters) of "
                    f"its context of {len(context):,} characters"
                )
                return None
        return Question(article, str(asked.get("id", number)), question, context, tuple(answers))

    rows = _rows_of_lines(path, bad) if squad is None else _rows_of_squad(path, squad)
    has_answer = False
    for question in bad.good(rows, read, "holds no questions; SQuAD's form was expected (data, paragraphs, qas)"):
        if question is not None:
            has_answer |= bool(question.answers)
            yield question
    if misplaced.count and not has_answer:  # the places are counted in another way, such as in bytes
        raise InputError(f"{misplaced.first[0]}, and no other answer of the file stands at its place")
    misplaced.report()


def is_squad(path: str | Path) -> bool:
    """Whether a file is a ``.json``, plain or compressed, of one object with data.

    Raises an InputError if it begins as such a file, but is damaged or too large.
    """
    return _squad_object(path) is not None


def _squad_object(path: str | Path) -> dict[str, Any] | None:
    name = Path(path)
    if (name.with_suffix("") if name.suffix.lower() in COMPRESSIONS else name).suffix.lower() != ".json":
        return None
    try:
        content = read_json_object(path)
    except InputError:
        if _begins_as_squad(path):  # it is damaged or too large
            raise
        return None  # JSON lines, perhaps: their reader says what is wrong
    return content if "data" in content else None


def _begins_as_squad(path: str | Path) -> bool:
    with contextlib.suppress(InputError), open_to_read(path) as file:
        return re.search(rb'"data"\s*:\s*\[', file.read(1 << 16)) is not None
    return False


def hold_out_articles(questions: Sequence[Question]) -> tuple[list[Question], list[Question]]:
    """(training, validation). One article in four is held out, so that no text is on both sides.

    Raises:
        InputError: if there are fewer than four articles.
    """
    articles = sorted({question.article for question in questions})  # an article without a question does not count
    held_out = set(articles[HELD_OUT_EVERY - 1 :: HELD_OUT_EVERY])
    if not held_out:
        raise InputError(f"fewer than {HELD_OUT_EVERY} articles are too few to hold out one; give a --dev file")
    return (
        [question for question in questions if question.article not in held_out],
        [question for question in questions if question.article in held_out],
    )


def _rows_of_squad(path: str | Path, squad: dict[str, Any]) -> Iterator[tuple[int, _Row]]:
    count = 0
    for number, article in enumerate(_list(squad, "data", str(path))):
        for paragraph in _list(article, "paragraphs", f"{path}: article {number + 1}"):
            context = _text(paragraph, "context", f"{path}: article {number + 1}")
            for asked in _list(paragraph, "qas", f"{path}: article {number + 1}"):
                yield count, _Row(number, context, asked)
                count += 1


def _rows_of_lines(path: str | Path, bad: BadRows) -> Iterator[tuple[int, _Row]]:
    articles: dict[str, int] = {}  # a title, or the context, to a number
    for line, asked in read_objects(path, bad):
        try:
            context = _text(asked, "context", bad.place(line))
        except InputError as error:
            bad.add(str(error))
            continue
        article = articles.setdefault(str(asked.get("title") or context), len(articles))
        yield line, _Row(article, context, asked)


def _answers(asked: dict[str, Any], place: str) -> list[tuple[str, Any]]:
    """(text, start) of each answer, unchecked."""
    if asked.get("is_impossible") is True:
        return []
    answers = asked.get("answers")
    if isinstance(answers, dict):
        texts, starts = _list(answers, "text", place), _list(answers, "answer_start", place)
        answers = [{"text": text, "answer_start": start} for text, start in zip(texts, starts)]
        if len(texts) != len(starts):
            raise InputError(f"{place}: 'text' has {len(texts)} items and 'answer_start' {len(starts)}")
        asked = {"answers": answers}
    return [(_text(answer, "text", place), answer.get("answer_start")) for answer in _list(asked, "answers", place)]


def _list(holder: Any, key: str, place: str) -> list[Any]:
    value = holder.get(key) if isinstance(holder, dict) else None
    if not isinstance(value, list):
        raise InputError(f"{place}: has no list {key!r}; SQuAD's form was expected (data, paragraphs, qas, answers)")
    return value


def _text(holder: Any, key: str, place: str) -> str:
    value = holder.get(key) if isinstance(holder, dict) else None
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"{place}: its {key!r} is not a text or is empty; SQuAD's form was expected")
    return value
