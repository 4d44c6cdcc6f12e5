"""What resuming needs: everything that decides what the next update will be, in a directory with checksums.

    training_state/step-00001000/run.pt         plain data and random generators
                                 .metadata      where each tensor is, by torch.distributed.checkpoint
                                 __0_0.distcp   weights and optimizer state: a file by each process
                                 SHA256SUMS     of these files, in the format of ``sha256sum``

All processes write to a directory with a temporary name. The main process syncs it, then renames it. So a state is
whole or it is not there. The two newest are kept. ``state_reading.py`` reads them.
"""

import contextlib
import hashlib
import io
import os
import re
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from bert.errors import InputError
from bert.files.reading import require_file
from bert.files.shortage import system_error
from bert.files.whole import sync_directory, write_atomically, writing_failed
from bert.training.distributed import Processes

KEPT = 2
METADATA, CHECKSUMS = "run.pt", "SHA256SUMS"


def generator_state(device: torch.device) -> dict[str, torch.Tensor]:
    """The state of the random generators that dropout draws from."""
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def restore_generator_state(state: dict[str, torch.Tensor], device: torch.device) -> None:
    """Takes the random generators back to ``state``."""
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)


def save_state(
    directory: Path, step: int, tensors: dict[str, Any], metadata: dict[str, Any], processes: Processes
) -> None:
    """Writes the state after ``step`` updates, then removes all but the newest two. All processes must call it.

    Args:
        tensors: dictionaries of tensors, which may be sharded.
        metadata: plain data and small tensors, of which those of the main process are saved.

    Raises:
        InputError: if the disk is full, or the run's directory is no longer there; earlier states are kept.
        SystemExit: in the other processes then.
    """
    path = processes.broadcast(lambda: _new_path(directory, step))
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        processes.on_all(lambda: _write_tensors(temporary, tensors))
        processes.broadcast(lambda: _complete(temporary, path, metadata))
    finally:
        if processes.is_main_process:
            shutil.rmtree(temporary, ignore_errors=True)
    if processes.is_main_process:
        others = [other for other in saved_states(directory) if other != path]
        for older in others[KEPT - 1 :]:
            leaving = older.with_name(f".{older.name}.tmp")  # no state is ever half of one
            with contextlib.suppress(FileNotFoundError):  # somebody else has removed it
                older.rename(leaving)
            shutil.rmtree(leaving, ignore_errors=True)


def _new_path(directory: Path, step: int) -> Path:
    """The path of a new state. What a killed run left half written or half removed goes."""
    with _writing(directory):
        directory.mkdir(exist_ok=True)  # without its parents: a run that was moved away is not begun in its old place
    for leaving in directory.glob(".step-*.tmp"):
        shutil.rmtree(leaving, ignore_errors=True)
    path = directory / f"step-{step:08d}"
    while path.exists():  # a directory cannot take the place of another one in one step
        path = path.with_name(f"{path.name}-again")
    return path


def _write_tensors(directory: Path, tensors: dict[str, Any]) -> None:
    from torch.distributed.checkpoint.filesystem import FileSystemWriter
    from torch.distributed.checkpoint.state_dict_saver import save

    class Writer(FileSystemWriter):
        def write_data(self, *arguments: Any) -> Any:
            try:
                return super().write_data(*arguments)
            except RuntimeError as error:  # an OSError behind it would be lost on the way to the other processes
                raise system_error(error) or error from None

    with _writing(directory), in_one_process_too():
        directory.mkdir(exist_ok=True)
        save(tensors, storage_writer=Writer(directory))  # syncs its files


def _complete(temporary: Path, path: Path, metadata: dict[str, Any]) -> None:
    content = io.BytesIO()
    torch.save(metadata, content)
    write_atomically(temporary / METADATA, content.getvalue())
    with _writing(path):
        lines = [f"{digest(file)}  {file.name}\n" for file in sorted(temporary.iterdir())]
        write_atomically(temporary / CHECKSUMS, "".join(lines))
        os.rename(temporary, path)
        sync_directory(path.parent)


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Raises an InputError if a file cannot be written inside the block, in this process or in another one."""
    from torch.distributed.checkpoint.api import CheckpointException

    try:
        yield
    except OSError as error:
        raise InputError(writing_failed(path, error)) from error
    except CheckpointException as error:
        for cause, _ in error.failures.values():
            if isinstance(cause, OSError):
                raise InputError(writing_failed(path, cause)) from error
        raise


def saved_states(directory: Path) -> list[Path]:
    """The states in a directory, newest first."""
    found = [path for path in directory.glob("step-*") if re.fullmatch(r"step-\d{8,}(-again)*", path.name)]
    return sorted(found, key=lambda path: (int(path.name.split("-")[1]), len(path.name)), reverse=True)


def digest(path: Path) -> str:
    """The SHA-256 checksum of a file."""
    require_file(path)
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def in_one_process_too() -> Iterator[None]:
    """Inside the block, distributed checkpoints do not warn that there is one process."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="torch.distributed is disabled")
        yield
