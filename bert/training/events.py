"""TensorBoard's events: the numbers of a run, in the file format that TensorBoard reads.

TensorBoard's own writer works in a thread, which would die of a full disk with a traceback. Here an error is raised
where the number is written.
"""

import contextlib
import importlib
import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bert.errors import InputError
from bert.files.whole import writing_failed


class Events:
    """A file of events in a directory, which is made if need be. Each session of a run has its own.

    Args:
        first_step: of this session. TensorBoard then hides the later steps of sessions before it. None: it hides none.

    Raises:
        InputError: here and in ``add``, if the file cannot be written.
    """

    def __init__(self, directory: Path, first_step: int | None = None):
        from tensorboard.summary.writer.record_writer import RecordWriter

        self.path = directory
        try:
            directory.mkdir(exist_ok=True)
            self.path /= f"events.out.tfevents.{time.time_ns() / 1e9:.9f}.{socket.gethostname()}.{os.getpid()}"
            self.file = open(self.path, "ab")  # noqa: SIM115 (open until close)
        except OSError as error:
            raise InputError(writing_failed(self.path, error)) from None
        self.writer = RecordWriter(self.file)
        # Their classes are made when they are imported, and a checker of types does not see them.
        self.events: Any = importlib.import_module("tensorboard.compat.proto.event_pb2")
        self.summaries: Any = importlib.import_module("tensorboard.compat.proto.summary_pb2")
        self._write(file_version="brain.Event:2")
        if first_step is not None:
            self._write(step=first_step, session_log=self.events.SessionLog(status=self.events.SessionLog.START))

    def add(self, step: int, numbers: Mapping[str, float]) -> None:
        """Writes numbers by name, as scalars after ``step`` updates."""
        values = [self.summaries.Summary.Value(tag=name, simple_value=number) for name, number in numbers.items()]
        self._write(step=step, summary=self.summaries.Summary(value=values))

    def _write(self, **event: Any) -> None:
        try:
            self.writer.write(self.events.Event(wall_time=time.time(), **event).SerializeToString())
            self.file.flush()
        except OSError as error:
            raise InputError(writing_failed(self.path, error)) from None

    def close(self) -> None:
        """Closes the file. What could not be written was said by ``add``."""
        with contextlib.suppress(OSError):  # its last bytes again
            self.file.close()
