"""A student's file as a module, with one exercise of theirs and the rest of ours.

A file may hold two exercises. Each is checked by itself, so the other function of the file is replaced by ours. All
other modules are ours too. If "we" are the student's own copy, the rest is blank or theirs. So checks call nothing of
other exercises.
"""

import ast
from pathlib import Path
from types import ModuleType

from bert.errors import InputError
from bert.exercises.functions import find_function, restore
from bert.exercises.table import EXERCISES, MOST_BYTES, ROOT, Exercise
from bert.files.reading import read_bytes


class Unreadable(Exception):
    """Why a student's file is no module, in a sentence."""


def load_module(exercise: Exercise, folder: Path) -> ModuleType:
    """The module of an exercise, from the file in a student's folder. It is not in ``sys.modules``.

    Raises:
        Unreadable: if the file is no Python, or the function is not in it.
        Exception: what the file raises when it is imported.
    """
    path = folder / exercise.file
    tree = _parse(path, exercise.file)
    if find_function(tree, exercise.function) is None:
        raise Unreadable(f"{exercise.file} has no {exercise.function}: the function must keep its name")
    original = _parse(ROOT / exercise.file, exercise.file)
    for other in EXERCISES:
        if other.file == exercise.file and other != exercise:
            restore(tree, original, other.function)
    module = ModuleType(exercise.module)
    module.__file__ = str(path)
    exec(compile(tree, str(path), "exec", dont_inherit=True), module.__dict__)
    return module


def _parse(path: Path, name: str) -> ast.Module:
    try:
        return ast.parse(read_bytes(path, MOST_BYTES), str(path))
    except InputError as error:
        raise Unreadable(f"Python cannot read {name}: {str(error).removeprefix(f'{path}: ')}") from None
    except SyntaxError as error:
        raise Unreadable(f"Python cannot read line {error.lineno} of {name}: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise Unreadable(f"Python cannot read {name}: {error}") from None
