"""``bert grade``: which exercises of a student's copy are right, and what is wrong with the others."""

import json
import time
from collections.abc import Sequence

from bert.exercises.grading import grade
from bert.exercises.results import count_passed, gradescope, table
from bert.exercises.table import choose
from bert.files.whole import atomic_file


def grade_copy(
    folder: str, only: Sequence[str] | None = None, json_file: str | None = None, seconds: float | None = None
) -> tuple[list[str], bool]:
    """Grades a copy, and writes Gradescope's JSON if asked to.

    Returns:
        Lines to print, and whether all exercises are passed. Raises an InputError if the folder has no exercise, or one
        of ``only`` is unknown.
    """
    started = time.monotonic()
    results = grade(folder, choose(only), *([] if seconds is None else [seconds]))
    if json_file is not None:
        with atomic_file(json_file, may_be_pipe=True) as file:
            file.write(json.dumps(gradescope(results, time.monotonic() - started), indent=2).encode() + b"\n")
    return table(results), count_passed(results) == len(results)
