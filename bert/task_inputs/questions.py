"""Questions whose answers are parts of a text, in SQuAD's JSON (Rajpurkar et al. 2016; 2.0: 2018).

{"data": [{"paragraphs": [{"context": "...", "qas": [{"id": "...", "question": "...", "is_impossible": false,
                                                     "answers": [{"text": "...", "answer_start": 17}]}]}]}]}
"""

from pathlib import Path
from typing import NamedTuple

from bert.errors import InputError
from bert.files.whole import COMPRESSIONS, read_json_object


class Question(NamedTuple):
    """article: number of its article in the file; answers: (text, start in the context), none where there is none."""

    article: int
    id: str
    question: str
    context: str
    answers: tuple[tuple[str, int], ...]


def is_squad(path: str | Path) -> bool:
    """Whether a file is in this form, and not a table of questions: a ``.json``, plain or compressed, that is a single
    object with data.
    """
    name = Path(path)
    if (name.with_suffix("") if name.suffix.lower() in COMPRESSIONS else name).suffix.lower() != ".json":
        return False
    try:
        return "data" in read_json_object(path)
    except InputError:  # JSON lines, perhaps: whoever reads them says what is wrong
        return False


def read_questions(path: str | Path, labelled: bool) -> list[Question]:
    """The questions of a file, in order.

    Args:
        labelled: whether the answers are read; to predict, they are not needed.

    Raises:
        InputError: where the file is not in SQuAD's form, or an answer does not stand where it is said to.
    """
    questions = []
    articles = _list(read_json_object(path), "data", str(path))
    for number, article in enumerate(articles):
        for paragraph in _list(article, "paragraphs", f"{path}: article {number + 1}"):
            context = _text(paragraph, "context", f"{path}: article {number + 1}")
            for asked in _list(paragraph, "qas", f"{path}: article {number + 1}"):
                place = f"{path}: question {asked.get('id') if isinstance(asked, dict) else asked}"
                question = _text(asked, "question", place)
                answers = _answers(asked, context, place) if labelled else ()
                questions.append(Question(number, str(asked.get("id", len(questions))), question, context, answers))
    if not questions:
        raise InputError(f"{path}: holds no questions; SQuAD's form was expected (data, paragraphs, qas)")
    return questions


def _answers(asked: dict, context: str, place: str) -> tuple[tuple[str, int], ...]:
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


def _list(holder, key: str, place: str) -> list:
    value = holder.get(key) if isinstance(holder, dict) else None
    if not isinstance(value, list):
        raise InputError(f"{place}: has no list {key!r}; SQuAD's form was expected (data, paragraphs, qas, answers)")
    return value


def _text(holder, key: str, place: str) -> str:
    value = holder.get(key) if isinstance(holder, dict) else None
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"{place}: its {key!r} is not a text or is empty; SQuAD's form was expected")
    return value
