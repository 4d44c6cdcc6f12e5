"""``--keep-checkpoints N``: N checkpoints of a run, from its initial weights to its last update, to watch it learn.

    checkpoints/step-00000000/      each a whole checkpoint: config.json, model.safetensors, the vocabulary
                step-00000002/
                ...
                step-00010000/

A model learns most in its first updates. So checkpoints are evenly spaced on a log scale, of 1 + update: each comes
about as many times later than the one before. A run that is fitted to its minutes learns its end on the way. From each
checkpoint on, the others are spaced anew, up to the newest estimate of the end. The last one is always at the end.

The training state is saved with each of them. So a resumed run keeps the same ones as a run that never stopped.
"""

import contextlib
import math
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from bert.checkpoints.directory import save_checkpoint
from bert.errors import InputError
from bert.files.whole import sync_directory, writing_failed
from bert.tokenization.tokenizer import Tokenizer
from bert.training.flags import LARGEST
from bert.training.progress import Progress
from bert.training.run import Run

FOLDER = "checkpoints"
UNKNOWN_END = 10_000  # updates that a run is taken to have, until it has measured its speed


def next_update(kept: list[int], count: int, end: int) -> int:
    """The update whose weights are kept next.

    >>> kept = [0]
    >>> while len(kept) < 6:
    ...     kept.append(next_update(kept, 6, 1000))
    >>> kept
    [0, 3, 15, 63, 252, 1000]

    Args:
        kept: the updates before, ascending; fewer than ``count``.
        count: how many are kept in all.
        end: the update at which the run ends.
    """
    last = kept[-1]
    times_later = ((1 + end) / (1 + last)) ** (1 / (count - len(kept)))
    return min(end, max(last + 1, round((1 + last) * times_later) - 1))


def with_room(kept: list[int], count: int, end: int) -> list[int]:
    """The updates to hold on to, if a run that has ended goes on to a later end: those that stand closest go.

    >>> with_room([0, 1, 3, 7], 4, 7 * 8)
    [0, 3, 7]
    """
    kept = list(kept)
    if len(kept) < count or end <= kept[-1]:
        return kept
    ahead = math.log((1 + end) / (1 + kept[-1])) / math.log(1 + end)  # the share of the scale
    room = max(1, round((count - 1) * ahead))
    while len(kept) > count - room:
        following = [*kept[2:], end]
        closest = min(range(1, len(kept)), key=lambda index: (1 + following[index - 1]) / (1 + kept[index - 1]))
        del kept[closest]
    return kept


class KeptCheckpoints:
    """The kept checkpoints of a run. All processes must make this object, and use it, alike.

    What lies beyond the run's newest training state is removed: the resumed run makes it again.

    Args:
        run: where it stands now.
        count: how many to keep in all; None: none.
    """

    def __init__(self, run: Run, count: int | None):
        self._run, self._count, self._folder = run, count, run.directory / FOLDER
        self._kept: list[int] = [] if count is None else run.processes.broadcast(self._found)

    def is_due(self, progress: Progress) -> bool:
        """Whether the weights as they are now are to be kept."""
        if self._count is None:
            return False
        if not self._kept:
            return True
        if progress.step <= self._kept[-1]:
            return False
        end = _end_of(progress)
        return progress.step >= next_update(with_room(self._kept, self._count, end), self._count, end)

    def keep(self, tokenizer: Tokenizer) -> None:
        """Keeps the run's weights, if that is due.

        Raises:
            InputError: in the main process, if the disk is full or cannot be written to.
            SystemExit: in the others then.
        """
        run, progress = self._run, self._run.progress
        if self._count is None or not self.is_due(progress):
            return
        weights = run.weights()
        held = with_room(self._kept, self._count, _end_of(progress)) if self._kept else []

        def write() -> None:
            with self._temporary(progress.step) as folder:
                save_checkpoint(folder, run.model, tokenizer, weights)
            for step in set(self._kept) - set(held):
                self._remove(step)

        run.processes.broadcast(write)
        self._kept = [*held, progress.step]

    def _found(self) -> list[int]:
        """The updates that were kept before, up to where the run stands. What a killed run has left goes."""
        for leaving in self._folder.glob(".step-*.tmp"):
            shutil.rmtree(leaving, ignore_errors=True)
        found = kept_in(self._run.directory)
        now = self._run.progress.step
        kept = [step for step in found if step <= now and now > 0]
        for step in set(found) - set(kept):
            self._remove(step)
        return kept

    @contextlib.contextmanager
    def _temporary(self, step: int) -> Iterator[Path]:
        """A folder that gets its name when the block has ended well."""
        path = self._path(step)
        temporary = path.with_name(f".{path.name}.tmp")
        try:
            self._folder.mkdir(exist_ok=True)  # without its parents: a run that was moved away is not begun anew
            temporary.mkdir()
            yield temporary
            os.rename(temporary, path)
            sync_directory(self._folder)
        except OSError as error:
            raise InputError(writing_failed(path, error)) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def _remove(self, step: int) -> None:
        """Removes a checkpoint, in one step."""
        path = self._path(step)
        leaving = path.with_name(f".{path.name}.tmp")
        try:
            path.rename(leaving)
        except OSError as error:
            raise InputError(writing_failed(path, error)) from error
        shutil.rmtree(leaving, ignore_errors=True)

    def _path(self, step: int) -> Path:
        return self._folder / f"step-{step:08d}"


def kept_in(run: Path) -> list[int]:
    """The updates whose checkpoints are in a run's directory, ascending."""
    return sorted(
        int(path.name[5:]) for path in (run / FOLDER).glob("step-*") if re.fullmatch(r"step-\d{8,}", path.name)
    )


def _end_of(progress: Progress) -> int:
    """The update at which the run ends, as it is known now."""
    end = progress.leg[2] if progress.leg else LARGEST
    return end if end < LARGEST else max(UNKNOWN_END, progress.step)
