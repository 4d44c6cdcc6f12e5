"""Copies of the exercises' files alone, and solutions to put into them."""

import ast
from pathlib import Path

from bert.exercises.functions import blank, find_function
from bert.exercises.table import EXERCISES, ROOT, Exercise

BY_NAME = {exercise.name: exercise for exercise in EXERCISES}


def source_of(exercise: Exercise) -> str:
    return (ROOT / exercise.file).read_text(encoding="utf-8")


def write_blank_files(folder: Path) -> None:
    """The files of all exercises, with all functions blank."""
    for file in {exercise.file for exercise in EXERCISES}:
        text = (ROOT / file).read_text(encoding="utf-8")
        for exercise in EXERCISES:
            text = blank(text, exercise) if exercise.file == file else text
        write(folder, file, text)


def write(folder: Path, file: str, text: str) -> None:
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def with_body(exercise: Exercise, body: str) -> str:
    """The exercise's file, with another body of its function."""
    text = source_of(exercise)
    node = find_function(ast.parse(text), exercise.function)
    assert node is not None
    lines = text.split("\n")
    indent = " " * node.body[0].col_offset
    return "\n".join([*lines[: node.body[0].end_lineno], indent + body, *lines[node.end_lineno :]])


def lines_of(text: str, function: str) -> tuple[int, int]:
    """The first line of a function, and the line after its last one, both from 0; without decorators."""
    node = find_function(ast.parse(text), function)
    assert node is not None and node.end_lineno is not None
    return node.lineno - 1, node.end_lineno


def fill_in(folder: Path, exercise: Exercise) -> None:
    """Puts the solution of one exercise into a copy, and leaves the rest of its file as it is."""
    text, solution = (folder / exercise.file).read_text(encoding="utf-8"), source_of(exercise)
    lines, solved = text.split("\n"), solution.split("\n")
    start, end = lines_of(text, exercise.function)
    first, last = lines_of(solution, exercise.function)
    lines[start:end] = solved[first:last]
    (folder / exercise.file).write_text("\n".join(lines), encoding="utf-8")
