"""TensorBoard's events: the numbers of a run, in the file format that TensorBoard reads.

TensorBoard draws a tag of several directories as one chart, with a line for each. So training, held out and each way of
guessing have a directory, and a loss has the same tag in all of them. It groups charts by a tag's first word:

    training/    masked_lm/loss  masked_lm/accuracy  run/learning_rate ...
    heldout/     masked_lm/loss  masked_lm/accuracy  validation/f1
    five_gram/   masked_lm/loss  masked_lm/accuracy
    majority/                                        validation/f1

TensorBoard's own writer works in a thread, which would die of a full disk with a traceback. Here an error is raised
where the number is written.
"""

import contextlib
import importlib
import os
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bert.errors import InputError
from bert.files.whole import writing_failed
from bert.training.curves import BASELINES


def place_of(name: str) -> tuple[str, str]:
    """The directory and the tag of a number of the log.

    >>> place_of("masked_lm_loss"), place_of("heldout_masked_lm_loss")
    (('training', 'masked_lm/loss'), ('heldout', 'masked_lm/loss'))
    >>> place_of("dev_f1"), place_of("majority_f1"), place_of("learning_rate")
    (('heldout', 'validation/f1'), ('majority', 'validation/f1'), ('training', 'run/learning_rate'))
    """
    if name.startswith("dev_"):
        return "heldout", f"validation/{name.removeprefix('dev_')}"
    directory = next((each for each in ("heldout", *BASELINES) if name.startswith(f"{each}_")), "training")
    name = name.removeprefix(f"{directory}_")
    task, _, measure = name.rpartition("_")
    if task and measure in ("loss", "accuracy") and name != "token_accuracy":  # a metric
        return directory, f"{task}/{measure}"
    return directory, f"{'validation' if directory in BASELINES else 'run'}/{name}"


class Events:
    """Files of events in a directory, which is made if need be. Each session of a run has its own files.

    Args:
        first_step: of this session. TensorBoard then hides the later steps of sessions before it. None: it hides none.

    Raises:
        InputError: here and in ``add``, if a file cannot be written.
    """

    def __init__(self, directory: Path, first_step: int | None = None):
        self.directory, self.first_step = directory, first_step
        self.files: dict[str, EventFile] = {}
        with _writing(directory):
            directory.mkdir(exist_ok=True)
            before = [name for name in ("training", "heldout") if (directory / name).is_dir()]
        if first_step is not None:
            for name in before:
                self._file(name)  # hides its later steps, even if nothing more is written

    def add(self, step: int, numbers: Mapping[str, float]) -> None:
        """Writes numbers by their names in the log, as scalars after ``step`` updates."""
        by_directory: dict[str, dict[str, float]] = {}
        for name, number in numbers.items():
            directory, tag = place_of(name)
            by_directory.setdefault(directory, {})[tag] = number
        for directory, scalars in by_directory.items():
            self._file(directory).add(step, scalars)

    def _file(self, name: str) -> "EventFile":
        if name not in self.files:
            self.files[name] = EventFile(self.directory / name, self.first_step)
        return self.files[name]

    def close(self) -> None:
        """Closes the files. What could not be written was said by ``add``."""
        for file in self.files.values():
            file.close()


class EventFile:
    """A file of events in a directory, which is made if need be. The arguments and errors are those of ``Events``."""

    def __init__(self, directory: Path, first_step: int | None = None):
        from tensorboard.summary.writer.record_writer import RecordWriter

        self.path = directory / f"events.out.tfevents.{time.time_ns() / 1e9:.9f}.{socket.gethostname()}.{os.getpid()}"
        with _writing(self.path):
            directory.mkdir(exist_ok=True)
            self.file = open(self.path, "ab")  # noqa: SIM115 (open until close)
        self.writer = RecordWriter(self.file)
        # Their classes are made when they are imported, and a checker of types does not see them.
        self.events: Any = importlib.import_module("tensorboard.compat.proto.event_pb2")
        self.summaries: Any = importlib.import_module("tensorboard.compat.proto.summary_pb2")
        self._write(file_version="brain.Event:2")
        if first_step is not None:
            self._write(step=first_step, session_log=self.events.SessionLog(status=self.events.SessionLog.START))

    def add(self, step: int, numbers: Mapping[str, float]) -> None:
        """Writes numbers by their tags, as scalars after ``step`` updates."""
        values = [self.summaries.Summary.Value(tag=tag, simple_value=number) for tag, number in numbers.items()]
        self._write(step=step, summary=self.summaries.Summary(value=values))

    def _write(self, **event: Any) -> None:
        with _writing(self.path):
            self.writer.write(self.events.Event(wall_time=time.time(), **event).SerializeToString())
            self.file.flush()

    def close(self) -> None:
        with contextlib.suppress(OSError):  # its last bytes again
            self.file.close()


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Makes an error of writing one sentence."""
    try:
        yield
    except OSError as error:
        raise InputError(writing_failed(path, error)) from None
