"""For courses: functions to fill in, their grading, and the test of every part."""

import argparse

from bert.files.terminal import print_line
from bert.training.flags import above_zero


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Adds the parsers of these commands; each result has the command's function as ``function``."""
    exercises = commands.add_parser("exercises", help="a copy of the project with functions to fill in")
    exercises.add_argument("output", help="the directory to write")
    exercises.add_argument("--only", nargs="+", metavar="NAME", help="these are blank, and the others are solved")
    exercises.set_defaults(function=run_exercises)
    grade = commands.add_parser("grade", help="which functions of such a copy are right, and what is wrong")
    grade.add_argument("folder", help="the copy, or a folder with some of its files at their places")
    grade.add_argument("--only", nargs="+", metavar="NAME", help="the exercises to grade (all)")
    grade.add_argument("--json", metavar="FILE", help="the results for an autograder, as Gradescope reads them")
    grade.add_argument("--seconds", type=above_zero, metavar="X", help="the time for each exercise (20)")
    grade.set_defaults(function=run_grade)
    selftest = commands.add_parser("selftest", help="the largest error of every part, beside equations in NumPy")
    selftest.add_argument("run", nargs="?", metavar="DIR", help="a checkpoint's directory (default: random weights)")
    selftest.add_argument("--against", metavar="DIR2", help="only compare with it: a directory, or a recorded file")
    selftest.add_argument("--record", metavar="FILE", help="only write DIR's numbers: .safetensors or .json")
    selftest.add_argument("--compile", action="store_true", help="also compiled against eager, in two minutes")
    selftest.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="(auto: a GPU if there is one)"
    )
    selftest.set_defaults(function=run_selftest)


def run_exercises(given: argparse.Namespace) -> None:
    """Writes a copy for students, and prints which functions are blank."""
    from bert.commands.exercises import write_exercises

    print_line(*write_exercises(given.output, given.only))


def run_grade(given: argparse.Namespace) -> int:
    """Prints how each exercise stands. The exit code is 1 if one is not passed."""
    from bert.commands.grade import grade_copy

    lines, is_passed = grade_copy(given.folder, given.only, given.json, given.seconds)
    print_line(*lines)
    return 0 if is_passed else 1


def run_selftest(given: argparse.Namespace) -> int:
    """Prints the table of errors. Returns the exit code: 1 if a bound is broken."""
    from bert.commands.selftest import selftest
    from bert.training.distributed import start_processes

    with start_processes(given.device) as processes:
        return selftest(given.run, given.against, given.record, given.compile, processes.device)
