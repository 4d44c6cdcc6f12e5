"""What a run says of itself: a progress bar, ``log.jsonl``, TensorBoard events and a picture of the curves."""

import contextlib
import json
import math
import sys
from pathlib import Path

from bert.errors import InputError
from bert.files.terminal import print_line
from bert.files.whole import atomic_file, write_atomically, writing_failed
from bert.training.progress import Progress

WORTH_SAYING = 0.05  # of the time, spent waiting for data


class Reporter:
    """Writes one line of ``log.jsonl`` per report, the same numbers to TensorBoard, and shows them to the user.

    In a terminal there is a progress bar; elsewhere (a file, a job's log) each report is a printed line. A process that
    is not the first passes ``silent=True`` and neither prints nor writes.

    Args:
        directory: the run's. ``log.jsonl`` there is gone on with, less the lines after ``progress.step``, which an
            interrupted session wrote after its last checkpoint and which the resumed run will write again.
        progress: where the run stands: what is recorded is under its step.
        max_steps: where the progress bar ends.
        silent: whether nothing is written or shown: in all processes but the first.

    Raises:
        InputError: where the directory cannot be written to.
    """

    def __init__(self, directory: Path, progress: Progress, max_steps: int, silent: bool = False):
        self.directory, self.progress, self.silent = directory, progress, silent
        if silent:
            return
        from torch.utils.tensorboard import SummaryWriter
        from tqdm import tqdm

        self.file = directory / "log.jsonl"
        kept = [line for line in read_log(self.file) if line["step"] <= progress.step] if progress.step else []
        write_atomically(self.file, "".join(json.dumps(line) + "\n" for line in kept))
        self.last_line = kept[-1] if kept else None
        events = directory / "tensorboard"
        try:
            self.events = SummaryWriter(events, purge_step=progress.step + 1 if progress.step else None)
        except OSError as error:
            raise InputError(writing_failed(events, error)) from None
        self.bar = tqdm(
            total=max_steps, initial=progress.step, unit="step", dynamic_ncols=True, disable=not sys.stderr.isatty()
        )

    def __enter__(self) -> "Reporter":
        return self

    def __exit__(self, *exception) -> None:
        if not self.silent:
            self.bar.close()
            self.events.close()

    def log(self, sentence: str) -> None:
        """Prints a sentence above the progress bar."""
        if not self.silent:
            with self.bar.external_write_mode(file=sys.stdout):
                print_line(sentence)

    def record(self, **measured: float | int | str) -> None:
        """Adds a line to ``log.jsonl``, and its numbers to the TensorBoard events, under the run's present step.

        A line that is the log's last already, as when a finished run is resumed and measured again, stays the only one.
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
            with open(self.file, "a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            raise InputError(writing_failed(self.file, error)) from None
        for name, value in line.items():
            if isinstance(value, int | float) and name != "step":
                self.events.add_scalar(name, value, self.progress.step)

    def report(self, means: dict[str, float]) -> None:
        """The means of training since the last report: recorded, and shown in the bar or in a line."""
        progress = self.progress
        self.record(**means, epoch=progress.position[0], tokens=progress.tokens, seconds=progress.seconds)
        if self.silent:
            return
        shown = in_words(means)
        self.bar.set_postfix_str(shown, refresh=False)
        self.bar.update(self.progress.step - self.bar.n)
        if self.bar.disable:
            print_line(f"step {self.progress.step:,} of {self.bar.total:,}: {shown}")

    def draw_curves(self) -> None:
        """Draws the losses and accuracies of ``log.jsonl`` into ``curves.png``."""
        if not self.silent:
            self.events.flush()
            with atomic_file(self.directory / "curves.png") as file:
                draw_curves(read_log(self.file), file)


def in_words(means: dict[str, float]) -> str:
    """Losses, accuracies and speed in a few characters, for a line on a terminal."""
    names = {"masked_lm": "MLM", "next_sentence": "NSP"}
    parts = []
    for key, value in means.items():
        if key.endswith("_loss"):
            name = key.removesuffix("_loss")
            accuracy = means.get(f"{name}_accuracy")
            right = "" if accuracy is None else f" ({accuracy:.1%} right)"
            parts.append(f"{names.get(name, name)} loss {value:.3f}{right}")
    if "learning_rate" in means:
        parts.append(f"lr {means['learning_rate']:.2e}")
    if "tokens_per_second" in means:
        parts.append(f"{means['tokens_per_second']:,.0f} tokens/s")
    if means.get("waiting_for_data", 0) >= WORTH_SAYING:
        parts.append(f"{means['waiting_for_data']:.0%} of the time waiting for data")
    return ", ".join(parts)


def read_log(path: Path) -> list[dict]:
    """The lines of a ``log.jsonl``, each of a step. What is no such line is left out: one that a crash cut short, say.

    Raises:
        InputError: where the file cannot be read.
    """
    if not path.exists():
        return []
    lines = []
    try:
        written = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); the log of a run was expected") from None
    for text in written:
        with contextlib.suppress(ValueError, RecursionError):
            line = json.loads(text)
            if isinstance(line, dict) and type(line.get("step")) is int:
                lines.append(line)
    return lines


def draw_curves(log: list[dict], file) -> None:
    """Draws what ``log`` holds as a PNG: a panel per loss and accuracy, training and held-out together."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = {"masked_lm": "masked language model", "next_sentence": "next sentence"}
    prefixes = ("heldout_", "unigram_")
    losses = [key for line in log for key in line if key.endswith("_loss") and not key.startswith(prefixes)]
    tasks = [key.removesuffix("_loss") for key in dict.fromkeys(losses)]
    panels = [
        f"{task}_{measure}"
        for task in tasks
        for measure in ("loss", "accuracy")
        if any(f"{task}_{measure}" in line for line in log)
    ]
    figure = Figure(figsize=(6 * max(1, len(tasks)), 7), layout="constrained")
    FigureCanvasAgg(figure)
    for panel in panels:
        task, measure = panel.rsplit("_", 1)
        axes = figure.add_subplot(2, len(tasks), 1 + tasks.index(task) + (measure == "accuracy") * len(tasks))
        for key, label, style in ((panel, "training", "-"), (f"heldout_{panel}", "held out", "o-")):
            points = [(line["step"], line[key]) for line in log if line.get(key) is not None]
            if points:
                axes.plot(*zip(*points), style, label=label, markersize=3)
        baseline = next((line[f"unigram_{panel}"] for line in log if f"unigram_{panel}" in line), None)
        if baseline is not None:
            axes.axhline(baseline, linestyle=":", color="gray", label="unigram baseline")
        axes.set_title(names.get(task, task))
        axes.set_xlabel("step")
        axes.set_ylabel(measure)
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(file, format="png", dpi=100)
