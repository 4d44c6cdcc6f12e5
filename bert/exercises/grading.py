"""Grading a student's copy: each exercise in a process of its own, with a time limit.

A student's code may loop, crash, print, write files or end the program. It does so in its own process, in a folder that
is removed. What that process says is text, which cannot make this one run anything. It is no prison: a server that
grades strangers' code puts it in a container, as Gradescope does.
"""

import contextlib
import json
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import cast

from bert.errors import InputError
from bert.exercises.results import NOT_YET, PASSED, WRONG, Result
from bert.exercises.table import EXERCISES, ROOT, Exercise, require_clone

SECONDS = 20.0  # for the checks of one exercise, which take less than one on an idle core
STARTING = 120.0  # seconds until a process has loaded PyTorch
MOST_PROCESSES = 4
MOST_PRINTED = 2_000  # bytes of what the code printed
LARGEST_FILE = 1 << 24  # bytes of a file that the code may write
_READY = b"ready"


def grade(folder: str | Path, exercises: Sequence[Exercise], seconds: float = SECONDS) -> list[Result]:
    """How each exercise stands in a student's copy.

    Args:
        folder: the copy, or a folder with the files of some exercises at their places.
        seconds: the time for the checks of one exercise.

    Raises an InputError if the folder has no file of any exercise, or this is no clone.
    """
    require_clone()
    folder = Path(folder).resolve()
    if not folder.is_dir():
        raise InputError(f"{folder}: no such directory; name the folder that 'bert exercises' wrote")
    if not any((folder / exercise.file).is_file() for exercise in EXERCISES):
        raise InputError(
            f"{folder}: has no file of any exercise, such as {EXERCISES[0].file}; name the folder that "
            f"'bert exercises' wrote"
        )
    waiting, running, results = list(exercises), [], {}
    with tempfile.TemporaryDirectory(prefix="grade-", ignore_cleanup_errors=True) as scratch:
        try:
            while waiting or running:
                while waiting and len(running) < min(MOST_PROCESSES, os.cpu_count() or 1):
                    running.append(_Attempt(waiting.pop(0), folder, Path(scratch), seconds))
                wait([attempt.reading for attempt in running], timeout=0.1)
                for attempt in list(running):
                    result = attempt.result()
                    if result is not None:
                        results[result.exercise] = result
                        running.remove(attempt)
                        attempt.kill()
        finally:
            for attempt in running:
                attempt.kill()
    return [results[exercise.name] for exercise in exercises]


class _Attempt:
    """One exercise's process, from its start to its result."""

    def __init__(self, exercise: Exercise, folder: Path, scratch: Path, seconds: float):
        self.exercise, self.seconds = exercise, seconds
        self.scratch = scratch / exercise.name
        self.scratch.mkdir()
        context = _context()
        self.reading, writing = context.Pipe(duplex=False)
        arguments = (EXERCISES.index(exercise), str(folder), str(self.scratch), writing)
        self.process = context.Process(target=_work, args=arguments, daemon=True)
        self.process.start()
        writing.close()
        self.deadline = time.monotonic() + STARTING

    def result(self) -> Result | None:
        """The result, also of a process that has crashed or takes too long; None: it is at work."""
        name = self.exercise.name
        try:
            while self.reading.poll():
                message = self.reading.recv_bytes(1 << 16)
                if message != _READY:
                    return Result(name, *_state_and_sentence(message), self._printed())
                self.deadline = time.monotonic() + self.seconds
        except (EOFError, OSError):
            self.process.join(1)
            return Result(name, WRONG, _how_it_ended(self.process.exitcode), self._printed())
        if not self.process.is_alive() and not self.reading.poll():  # one that it started holds the other end
            return Result(name, WRONG, _how_it_ended(self.process.exitcode), self._printed())
        if time.monotonic() < self.deadline:
            return None
        sentence = f"the code did not end within {self.seconds:g} seconds: is there a loop without an end?"
        return Result(name, WRONG, sentence, self._printed())

    def _printed(self) -> str:
        try:
            with open(self.scratch / "printed.txt", "rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - MOST_PRINTED))
                return file.read().decode("utf-8", "replace")
        except OSError:
            return ""

    def kill(self) -> None:
        """Ends the process, and those that it has started."""
        with contextlib.suppress(AttributeError, OSError):  # Windows; or it has no group yet, or all have ended
            os.killpg(cast(int, self.process.pid), signal.SIGKILL)
        self.process.kill()
        self.process.join()
        self.reading.close()


def _context():
    """Where it can be, a server loads PyTorch once and forks: a process then starts in milliseconds."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", "numpy", "einops"])
    return context


def _work(index: int, folder: str, scratch: str, writing: Connection) -> None:
    """What an exercise's process does: it says that it is ready, and then the result."""
    with contextlib.suppress(AttributeError):  # Windows
        os.setsid()  # a group of its own, which can be ended as a whole
    os.chdir(scratch)
    sys.path.insert(0, str(ROOT))  # a clone's bert may be installed, but its data/ is not
    with open("printed.txt", "w", encoding="utf-8", errors="backslashreplace", buffering=1) as printed:
        for descriptor in (1, 2):
            os.dup2(printed.fileno(), descriptor)
        sys.stdout = sys.stderr = printed
        with contextlib.suppress(ImportError):  # Windows
            import resource

            resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))
        import torch

        from bert.exercises.checking import check

        torch.set_num_threads(1)
        writing.send_bytes(_READY)
        result = check(EXERCISES[index], Path(folder))
        writing.send_bytes(json.dumps([result.state, result.sentence[:1_000]]).encode())


def _state_and_sentence(message: bytes) -> tuple[str, str]:
    """What a process says. A student's code could have said something else."""
    try:
        state, sentence = json.loads(message)
    except (ValueError, TypeError):
        state = sentence = None
    if state in (PASSED, NOT_YET, WRONG) and isinstance(sentence, str):
        return state, sentence
    return WRONG, "the process of the code gave no result that can be read"


def _how_it_ended(code: int | None) -> str:
    if code is not None and code < 0:
        return f"the code crashed its process ({signal.Signals(-code).name})"
    return f"the code ended its process (exit code {code})"
