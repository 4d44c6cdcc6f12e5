"""The new lines of a log that grows, and that a resumed run writes anew."""

import json
import os
from pathlib import Path
from typing import Any

from bert.files.reading import open_to_read
from bert.files.schema import check
from bert.training.reporting import LONGEST_LINE, LONGEST_LOG, STEP, VALUE


class Tail:
    """Reads a ``log.jsonl`` from its beginning, and then what is added.

    A line without an end is half-written: it is read once its end is there. If the file is another one, as after
    ``--resume``, it is read from its beginning again.

    Attributes:
        passed_over: how many lines of another form were left out, for example one that a crash cut short.
    """

    def __init__(self, path: Path):
        self.path, self.passed_over = path, 0
        self.file: tuple[int, int] | None = None  # which file was read
        self.position = 0  # bytes of it that were read

    def read(self) -> list[dict[str, Any]]:
        """The lines since the last call, each with its "step". Raises InputError if the file cannot be read."""
        if not os.path.lexists(self.path):
            return []
        with open_to_read(self.path) as file:
            status = os.fstat(file.fileno())
            if (status.st_dev, status.st_ino) != self.file or status.st_size < self.position:
                self.file, self.position, self.passed_over = (status.st_dev, status.st_ino), 0, 0
            file.seek(self.position)
            content = file.read(LONGEST_LOG)
        whole = content[: content.rfind(b"\n") + 1]
        self.position += len(whole)
        found = [self._line(line) for line in whole.splitlines()]
        return [line for line in found if line is not None]

    def _line(self, content: bytes) -> dict[str, Any] | None:
        try:
            if len(content) > LONGEST_LINE:
                raise ValueError
            line = json.loads(content)
            check(line, {"step": STEP}, str(self.path), required=("step",), others=VALUE)
        except (ValueError, RecursionError):  # an InputError is a ValueError
            self.passed_over += 1
            return None
        return line
