"""``bert exercises``: a copy of the project for students, with functions to fill in."""

from collections.abc import Sequence

from bert.exercises.copying import write_copy
from bert.exercises.table import choose


def write_exercises(output: str, only: Sequence[str] | None = None) -> list[str]:
    """Writes the copy. Returns lines to print: each exercise with its file, and what to do next.

    Raises an InputError if the output is there, an exercise is unknown, or this is no clone.
    """
    exercises = choose(only)
    count = write_copy(output, exercises)
    width = max(len(exercise.name) for exercise in exercises)
    lines = [f"{output}: {count:,} files; {len(exercises)} functions are blank:"]
    lines += [f"  {exercise.name:{width}}  {exercise.title}: {exercise.file}" for exercise in exercises]
    return [*lines, f"To see what is right and wrong, in {output}: python -m bert grade ."]
