"""What grading finds: as a table to read, and as JSON for an autograder."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from bert.exercises.table import EXERCISES

PASSED, NOT_YET, WRONG = "passed", "not yet", "wrong"
_TITLES = {exercise.name: exercise.title for exercise in EXERCISES}
_MOST_LINES = 5  # of what a student's code printed


class Result(NamedTuple):
    """How an exercise stands."""

    exercise: str
    state: str  # PASSED, NOT_YET or WRONG
    sentence: str = ""  # what is missing, or wrong
    printed: str = ""  # the last that the code printed


def count_passed(results: Sequence[Result]) -> int:
    """How many exercises are passed."""
    return sum(result.state == PASSED for result in results)


def table(results: Sequence[Result]) -> list[str]:
    """A line for each exercise, with what its code printed below it; then the score."""
    name_width = max(len("exercise"), *(len(result.exercise) for result in results))
    lines = [f"{'exercise':{name_width}}  result   what is missing or wrong"]
    for result in results:
        lines.append(f"{result.exercise:{name_width}}  {result.state:7}  {result.sentence}".rstrip())
        lines += [f"{'':{name_width}}  printed  {line}" for line in _printed(result)]
    return [*lines, f"{count_passed(results)} of {len(results)} passed"]


def gradescope(results: Sequence[Result], seconds: float) -> dict[str, Any]:
    """The content of Gradescope's ``results.json``: a point for each exercise.

    Source: Gradescope's documentation, "Autograder Specifications", "Output Format".
    """
    tests = [
        {
            "name": f"{result.exercise}: {_TITLES[result.exercise]}",
            "number": str(number),
            "score": int(result.state == PASSED),
            "max_score": 1,
            "status": "passed" if result.state == PASSED else "failed",
            "output": "\n".join([_in_words(result), *(f"printed: {line}" for line in _printed(result))]),
            "output_format": "text",
        }
        for number, result in enumerate(results, 1)
    ]
    return {
        "output": f"{count_passed(results)} of {len(results)} exercises passed",
        "execution_time": round(seconds, 2),
        "visibility": "visible",
        "tests": tests,
    }


def _in_words(result: Result) -> str:
    return f"{result.state}: {result.sentence}" if result.sentence else result.state


def _printed(result: Result) -> list[str]:
    """The last lines that a wrong answer printed."""
    return result.printed.splitlines()[-_MOST_LINES:] if result.state == WRONG else []
