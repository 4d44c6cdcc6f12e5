"""The checks of one exercise, in this process: what a student's function does, as a result with a sentence."""

import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType

import torch

from bert import fast
from bert.exercises.checks.compare import Wrong
from bert.exercises.results import NOT_YET, PASSED, WRONG, Result
from bert.exercises.students_module import Unreadable, load_module
from bert.exercises.table import Exercise

LONGEST = 300  # characters of a message


def check(exercise: Exercise, folder: Path) -> Result:
    """Runs the checks one after another, up to the first that fails, with the kernels of ``bert.fast`` off."""
    path = folder / exercise.file
    if not path.is_file():
        return Result(exercise.name, NOT_YET, f"{exercise.file} is not there")
    try:
        module = load_module(exercise, folder)
        for run in checks_of(exercise):
            torch.manual_seed(0)
            with fast.off():
                run(module)
    except (Wrong, Unreadable) as error:
        return Result(exercise.name, WRONG, str(error))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # also SystemExit: the code is a student's
        return _result_of(error, exercise, path)
    return Result(exercise.name, PASSED)


def checks_of(exercise: Exercise) -> list[Callable[[ModuleType], None]]:
    """The functions ``check_...`` of the exercise's file of checks, in order."""
    module = import_module(f"bert.exercises.checks.{exercise.name}")
    return [function for name, function in vars(module).items() if name.startswith("check_")]


def _result_of(error: BaseException, exercise: Exercise, path: Path) -> Result:
    """An exception as a result: the blank's own says "not yet"; any other is named with its line."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame.lineno for frame in frames if frame.filename == str(path)]
    message = " ".join(str(error).split())[:LONGEST]
    if isinstance(error, NotImplementedError) and frames[-1].filename == str(path):
        return Result(exercise.name, NOT_YET, message or f"line {own[-1]} raises NotImplementedError")
    if isinstance(error, SystemExit):
        return Result(exercise.name, WRONG, f"the code ends the program in line {own[-1] if own else '?'}: no sys.exit")
    kind = type(error).__name__ + (f": {message}" if message else "")
    if not own:
        return Result(exercise.name, WRONG, f"{exercise.function} cannot be called, or its result not used: {kind}")
    return Result(exercise.name, WRONG, f"line {own[-1]} of {exercise.file} raises {kind}")
