"""Runs of ``train_finetune.py`` that a longer command starts, each in a process of its own."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bert.files.json_objects import read_json_object
from bert.files.terminal import print_line

SCRIPT = Path(__file__).parents[1] / "train_finetune.py"


class Interrupted(Exception):
    """A run was interrupted, or failed and has said why.

    Args:
        code: its exit code.
    """

    def __init__(self, code: int):
        self.code = code


def report_of(run: Path, flags: Sequence[str]) -> dict[str, Any]:
    """The report of a run, which is begun, resumed, or finished already.

    Args:
        flags: with which it begins, without ``--output``.

    Raises:
        Interrupted: if the run has not come to its end.
    """
    report = run / "report.json"
    if not report.exists():
        line = ["--resume"] if (run / "arguments.json").exists() else list(flags)
        print_line("", f"{run}: {'goes on' if line == ['--resume'] else 'begins'}")
        code = start([*line, "--output", str(run)])
        if code or not report.exists():
            raise Interrupted(code or 130)
    return read_json_object(report)


def start(command_line: list[str]) -> int:
    """Runs ``train_finetune.py``, and returns its exit code."""
    with subprocess.Popen([sys.executable, str(SCRIPT), *command_line]) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:  # the run has got the signal too, and saves its state first
            return process.wait()


def by_flag(line: Sequence[str]) -> list[list[str]]:
    """Each flag with its values: ["--a", "1", "2", "--b=3"] -> [["--a", "1", "2"], ["--b=3"]]."""
    groups: list[list[str]] = []
    for part in line:
        if part.startswith("--"):
            groups.append([])
        groups[-1].append(part)
    return groups
