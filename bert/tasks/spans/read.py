"""Questions with the texts that answer them: SQuAD's JSON (Rajpurkar et al. 2016; 2.0: 2018), or a table of pairs.

{"data": [{"paragraphs": [{"context": "...", "qas": [{"id": "...", "question": "...", "is_impossible": false,
                                                     "answers": [{"text": "...", "answer_start": 17}]}]}]}]}
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bert.errors import InputError
from bert.files.whole import COMPRESSIONS, read_json_object
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


def read_questions(path: str | Path, columns: Columns, labelled: bool) -> Iterator[Question]:
    """The questions of a file, in order.

    Args:
        columns: of a table of questions and contexts.
        labelled: whether answers are read; they are in SQuAD's form alone.

    Raises:
        InputError: if the file is in neither form, or an answer is not where the file says.
    """
    if labelled or is_squad(path):
        yield from _read_squad(path, labelled)
        return
    if columns.text_pair is None:
        raise InputError("a question needs its context: name the column with --text-pair-column")
    for example in read_examples(path, columns, labelled=False):
        yield Question(0, None, example.first, example.second or "", ())


def is_squad(path: str | Path) -> bool:
    """Whether a file is in SQuAD's form: a ``.json``, plain or compressed, of one object with data."""
    name = Path(path)
    if (name.with_suffix("") if name.suffix.lower() in COMPRESSIONS else name).suffix.lower() != ".json":
        return False
    try:
        return "data" in read_json_object(path)
    except InputError:  # JSON lines, perhaps: their reader says what is wrong
        return False


def hold_out_articles(questions: Sequence[Question]) -> tuple[list[Question], list[Question]]:
    """(training, validation): the questions of one article in four are held out, so that no text is on both sides.

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


def _read_squad(path: str | Path, labelled: bool) -> Iterator[Question]:
    count = 0
    for number, article in enumerate(_list(read_json_object(path), "data", str(path))):
        for paragraph in _list(article, "paragraphs", f"{path}: article {number + 1}"):
            context = _text(paragraph, "context", f"{path}: article {number + 1}")
            for asked in _list(paragraph, "qas", f"{path}: article {number + 1}"):
                place = f"{path}: question {asked.get('id') if isinstance(asked, dict) else asked}"
                question = _text(asked, "question", place)
                answers = _answers(asked, context, place) if labelled else ()
                yield Question(number, str(asked.get("id", count)), question, context, answers)
                count += 1
    if not count:
        raise InputError(f"{path}: holds no questions; SQuAD's form was expected (data, paragraphs, qas)")


def _answers(asked: dict[str, Any], context: str, place: str) -> tuple[tuple[str, int], ...]:
    if asked.get("is_impossible") is True:
        return ()
    answers = []
    for answer in _list(asked, "answers", place):
        text = _text(answer, "text", place)
        start = answer.get("answer_start")
        if type(start) is not int or start < 0 or context[start : start + len(text)] != text:
            raise InputError(
                f"{place}: the answer {text[:80]!r} does not stand at {start!r} (answer_start, in characters) of its "
                f"context of {len(context):,} characters"
            )
        answers.append((text, start))
    return tuple(answers)


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
