"""Questions whose answers are parts of a text, to train on; their form is that of ``bert.task_inputs.questions``."""

from collections.abc import Sequence
from pathlib import Path

from bert.errors import InputError
from bert.task_inputs.questions import Question, read_questions

HELD_OUT_EVERY = 4  # one of so many articles is held out where there is no dev file


def read_answered_questions(path: str | Path) -> list[Question]:
    """The questions of a file with their answers, in order.

    Raises:
        InputError: where the file is not in SQuAD's form, or an answer does not stand where it is said to.
    """
    return read_questions(path, labelled=True)


def hold_out_articles(questions: Sequence[Question]) -> tuple[list[Question], list[Question]]:
    """The questions of one article in four are held out: (the others, they). No text is on both sides.

    Raises:
        InputError: where there are fewer than four articles.
    """
    articles = sorted({question.article for question in questions})  # those without a question do not count
    held_out = set(articles[HELD_OUT_EVERY - 1 :: HELD_OUT_EVERY])
    if not held_out:
        raise InputError(f"fewer than {HELD_OUT_EVERY} articles are too few to hold out one; give a --dev file")
    return (
        [question for question in questions if question.article not in held_out],
        [question for question in questions if question.article in held_out],
    )
