"""Runs of ``train_finetune.py`` that a longer command starts, each in a process of its own."""

import subprocess
import sys
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from bert.files.json_objects import read_json_object
from bert.files.terminal import print_error, print_line

SCRIPT = Path(__file__).parents[1] / "train_finetune.py"
LAST_LINES = 5.0  # seconds: a process that the run has left behind may hold its standard error open


class Interrupted(Exception):
    """A run was interrupted, or failed and has said why.

    Args:
        code: its exit code.
    """

    def __init__(self, code: int):
        self.code = code


def report_of(run: Path, flags: Sequence[str], errors: list[str] | None = None) -> dict[str, Any]:
    """The report of a run, which is begun, resumed, or finished already.

    Args:
        flags: with which it begins, without ``--output``.
        errors: takes the lines of its standard error, which are printed too.

    Raises:
        Interrupted: if the run has not come to its end.
    """
    report = run / "report.json"
    if not report.exists():
        line = ["--resume"] if (run / "arguments.json").exists() else list(flags)
        print_line("", f"{run}: {'goes on' if line == ['--resume'] else 'begins'}")
        line = [*line, "--output", str(run)]
        code = start(line) if errors is None else start(line, errors)
        if code or not report.exists():
            raise Interrupted(code or 130)
    return read_json_object(report)


def start(command_line: list[str], errors: list[str] | None = None) -> int:
    """Runs ``train_finetune.py``, and returns its exit code.

    Args:
        errors: see ``report_of``. With it the run shows no progress bar, but a line for each report.
    """
    line = [sys.executable, str(SCRIPT), *command_line]
    if errors is None:
        with subprocess.Popen(line) as process:
            return _wait(process)
    with subprocess.Popen(line, stderr=subprocess.PIPE, text=True, errors="replace") as process:
        reader = threading.Thread(target=_pass_on, args=(process.stderr, errors), daemon=True)
        reader.start()
        code = _wait(process)
        reader.join(LAST_LINES)
        return code


def _wait(process: subprocess.Popen) -> int:
    """Waits for a run's end. If this process is to end, so is the run, and it saves its state first."""
    try:
        return process.wait()
    except KeyboardInterrupt:  # the run has got the signal too
        return process.wait()
    except SystemExit:  # SIGTERM was for this process alone
        process.terminate()
        process.wait()
        raise


def _pass_on(stream: Iterable[str], errors: list[str]) -> None:
    """Prints the lines of a run's standard error, and keeps them."""
    for line in stream:
        errors.append(line)
        print_error(line.rstrip("\n"))


def by_flag(line: Sequence[str]) -> list[list[str]]:
    """Each flag with its values: ["--a", "1", "2", "--b=3"] -> [["--a", "1", "2"], ["--b=3"]]."""
    groups: list[list[str]] = []
    for part in line:
        if part.startswith("--"):
            groups.append([])
        groups[-1].append(part)
    return groups
