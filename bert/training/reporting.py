"""The reports of a run: a progress bar, ``log.jsonl``, TensorBoard events and a picture of the curves."""

import contextlib
import errno
import json
import math
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bert.errors import InputError
from bert.files.reading import open_to_read
from bert.files.schema import Rule, check, is_count, is_number
from bert.files.terminal import print_line, printable
from bert.files.whole import atomic_file, write_atomically, writing_failed
from bert.training.curves import draw_curves
from bert.training.events import Events
from bert.training.progress import Progress

WORTH_LOGGING = 0.05  # the share of the time spent waiting for data
# What a log may hold. Each line is a few hundred bytes; a million updates, each with its line, are as many megabytes.
LONGEST_LOG, LONGEST_LINE = 1 << 29, 1 << 16  # bytes
STEP = Rule(is_count, "a whole number from 0")
VALUE = Rule(
    lambda value: value is None or isinstance(value, str | bool) or is_number(value), "a number, a text or null"
)


class Reporter:
    """Writes each report to ``log.jsonl`` and to TensorBoard, and shows it to the user.

    In a terminal it shows a progress bar. Elsewhere (a file, a job's log) it prints a line for each report.

    Args:
        directory: the run's. Its ``log.jsonl`` is continued, without the lines after ``progress.step``. An interrupted
            session wrote those after its last checkpoint, and the resumed run will write them again. The line that
            says why an earlier session ended ("ended") goes too.
        progress: where the run stands. Its step goes into each line.
        max_steps: the end of the progress bar; None: not known yet. Reports may hold a newer one, "planned_steps".
        silent: neither prints nor writes, as in all processes but the main one.

    Raises:
        InputError: if the directory cannot be written to.
    """

    def __init__(self, directory: Path, progress: Progress, max_steps: int | None, silent: bool = False):
        self.directory, self.progress, self.silent = directory, progress, silent
        if silent:
            return
        from tqdm import tqdm

        self.file = directory / "log.jsonl"
        before = read_log(self.file) if progress.step else []
        kept = [line for line in before if line["step"] <= progress.step and "ended" not in line]
        write_atomically(self.file, "".join(json.dumps(line) + "\n" for line in kept))
        self.last_line = kept[-1] if kept else None
        self.place = os.stat(directory)
        self.events = Events(directory / "tensorboard", progress.step + 1 if progress.step else None)
        self.bar = tqdm(
            total=max_steps, initial=progress.step, unit="step", dynamic_ncols=True, disable=not sys.stderr.isatty()
        )

    def __enter__(self) -> "Reporter":
        return self

    def __exit__(self, *exception) -> None:
        if not self.silent:
            self.bar.close()
            self.events.close()

    def log(self, *lines: str) -> None:
        """Prints lines above the progress bar."""
        if not self.silent:
            print_line(*lines)

    def record(self, **measured: float | int | str) -> None:
        """Adds a line to ``log.jsonl`` and its numbers to the TensorBoard events, under the run's step.

        A line equal to the last one is left out. A finished run that is resumed and measured again would write it.

        Raises:
            InputError: if a file cannot be written, or if the run's directory was removed or renamed.
        """
        if self.silent:
            return
        line = {"step": self.progress.step} | {
            name: value if not isinstance(value, float) or math.isfinite(value) else None
            for name, value in measured.items()
        }
        if line == self.last_line:
            return
        self.last_line = line
        try:
            if not os.path.samestat(os.stat(self.directory), self.place):  # one was made in the place of ours
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
            with open(self.file, "a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            raise InputError(writing_failed(self.file, error)) from None
        numbers = {name: value for name, value in line.items() if isinstance(value, int | float) and name != "step"}
        self.events.add(self.progress.step, numbers)

    def report(self, means: dict[str, float], by_guessing: Mapping[str, str] | None = None) -> None:
        """Records and shows the means of training since the last report. ``by_guessing``: see ``in_words``."""
        progress = self.progress
        self.record(**means, epoch=progress.position[0], tokens=progress.tokens, seconds=progress.seconds)
        if self.silent:
            return
        self.bar.set_postfix_str(printable(in_words(means)), refresh=False)  # a terminal may be narrow
        self.bar.total = means.get("planned_steps", self.bar.total)
        self.bar.update(self.progress.step - self.bar.n)
        if self.bar.disable:
            of = f" of {self.bar.total:,}" if self.bar.total else ""
            print_line(f"step {self.progress.step:,}{of}: {in_words(means, by_guessing)}")

    def draw_curves(self) -> None:
        """Draws the losses and accuracies of ``log.jsonl`` into ``curves.png``."""
        if not self.silent:
            with atomic_file(self.directory / "curves.png") as file:
                draw_curves(read_log(self.file), file)


def in_words(means: dict[str, float], by_guessing: Mapping[str, str] | None = None) -> str:
    """Losses, accuracies and speed in a few characters, for a line on a terminal.

    Args:
        by_guessing: for the name of a loss, words that stand beside its accuracy.

    >>> in_words({"next_sentence_loss": 0.4, "next_sentence_accuracy": 0.82}, {"next_sentence": "57.0% by guessing"})
    'NSP loss 0.400 (82.0% right, 57.0% by guessing)'
    """
    names = {"masked_lm": "MLM", "next_sentence": "NSP", "next_token": "next-token"}
    parts = []
    for key, value in means.items():
        if key.endswith("_loss"):
            name = key.removesuffix("_loss")
            accuracy = means.get(f"{name}_accuracy")
            beside = f", {by_guessing[name]}" if by_guessing and name in by_guessing else ""
            right = "" if accuracy is None else f" ({accuracy:.1%} right{beside})"
            parts.append(f"{names.get(name, name)} loss {value:.3f}{right}")
    if "learning_rate" in means:
        parts.append(f"lr {means['learning_rate']:.2e}")
    if "tokens_per_second" in means:
        parts.append(f"{means['tokens_per_second']:,.0f} tokens/s")
    if means.get("waiting_for_data", 0) >= WORTH_LOGGING:
        parts.append(f"{means['waiting_for_data']:.0%} of the time waiting for data")
    return ", ".join(parts)


def read_log(path: Path) -> list[dict[str, Any]]:
    """The lines of a ``log.jsonl``. A line that no run writes is left out, for example one that a crash cut short.

    Raises:
        InputError: if the file cannot be read, or is longer than any run's.
    """
    if not path.exists():
        return []
    lines = []
    for content in _lines(path):
        with contextlib.suppress(ValueError, RecursionError):  # an InputError is a ValueError
            line = json.loads(content.decode("utf-8", "replace"))
            check(line, {"step": STEP}, str(path), required=("step",), others=VALUE)
            lines.append(line)
    return lines


def _lines(path: Path) -> Iterator[bytes]:
    """The lines of a log. A part of a line that is too long comes alone: it is no JSON."""
    size = 0
    with open_to_read(path) as file:
        while content := file.readline(LONGEST_LINE):
            size += len(content)
            if size > LONGEST_LOG:
                raise InputError(
                    f"{path}: holds more than {LONGEST_LOG:,} bytes, which no run writes; move it away, and the run "
                    f"goes on without it"
                )
            yield content
