"""What resuming needs: everything that decides what the next update will be, in a directory with checksums.

    training_state/step-00001000/run.pt         plain data and random generators
                                 .metadata      where each tensor is, by torch.distributed.checkpoint
                                 __0_0.distcp   weights and optimizer state: a file by each process
                                 SHA256SUMS     of these files, in the format of ``sha256sum``

All processes write to a directory with a temporary name. The main process syncs it, then renames it. So a state is
whole or it is not there. The two newest are kept.
"""

import contextlib
import hashlib
import io
import math
import os
import pickle
import re
import shutil
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from bert.errors import InputError
from bert.files.reading import read_bytes, require_file
from bert.files.shortage import system_error
from bert.files.whole import sync_directory, write_atomically, writing_failed
from bert.training.distributed import Processes
from bert.training.sharding import own_share
from bert.training.state_schema import REMEDY, check_index, named

KEPT = 2
METADATA, CHECKSUMS = "run.pt", "SHA256SUMS"
LARGEST_METADATA = 1 << 26  # bytes of any file of a state but those of its tensors
RECORDS = re.compile(  # what a .metadata may name: nothing that does more than hold values
    r"torch\.distributed\.checkpoint\.(metadata\.(Metadata|MetadataIndex|TensorStorageMetadata|TensorProperties"
    r"|ChunkStorageMetadata|BytesStorageMetadata|StorageMeta|_MEM_FORMAT_ENCODING)|filesystem\._StorageInfo)"
    r"|torch\.(Size|float32|float64|int64|serialization\._get_layout)|pathlib\.(Posix|Windows)Path"
)


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


# ---- writing ----


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

    with _writing(directory), _in_one_process_too():
        directory.mkdir(exist_ok=True)
        save(tensors, storage_writer=Writer(directory))  # syncs its files


def _complete(temporary: Path, path: Path, metadata: dict[str, Any]) -> None:
    content = io.BytesIO()
    torch.save(metadata, content)
    write_atomically(temporary / METADATA, content.getvalue())
    with _writing(path):
        lines = [f"{_digest(file)}  {file.name}\n" for file in sorted(temporary.iterdir())]
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


def _digest(path: Path) -> str:
    require_file(path)
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def _in_one_process_too() -> Iterator[None]:
    """Inside the block, distributed checkpoints do not warn that there is one process."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="torch.distributed is disabled")
        yield


# ---- reading ----


def saved_states(directory: Path) -> list[Path]:
    """The states in a directory, newest first."""
    found = [path for path in directory.glob("step-*") if re.fullmatch(r"step-\d{8,}(-again)*", path.name)]
    return sorted(found, key=lambda path: (int(path.name.split("-")[1]), len(path.name)), reverse=True)


def newest_state(directory: Path) -> tuple[Path, dict[str, Any], list[str]]:
    """The newest state that is whole: its path, its metadata, and a sentence about each newer one that is damaged.

    Raises:
        InputError: if there is none.
    """
    complaints = []
    for path in saved_states(directory):
        damage = _damage(path)
        if damage is None:
            try:
                metadata = _read_metadata(path / METADATA)
                if isinstance(metadata, dict):
                    return path, metadata, complaints
                damage = f"holds a {type(metadata).__name__}, not a state"
            except Exception as error:  # a pickle can be damaged in many ways, and each has its error
                damage = f"cannot be read as a state ({(str(error).splitlines() or [''])[0]})"
        complaints.append(f"{path}: {damage}")
    found = "; ".join(complaints) or "it holds no state"
    if not complaints and list(directory.glob("step-*.pt")):
        raise InputError(
            f"--resume: an earlier version of this program saved the states in {directory}, in another format; resume "
            f"them with that version, or begin another run under another --output (its model still loads)"
        )
    raise InputError(f"--resume: nothing to resume from in {directory} ({found}); begin another run")


def _read_metadata(path: Path) -> Any:
    content = io.BytesIO(read_bytes(path, LARGEST_METADATA))
    if sum(record.file_size for record in zipfile.ZipFile(content).infolist()) > LARGEST_METADATA:
        raise ValueError("a part of it would unfold to more than its size")
    content.seek(0)
    try:
        return torch.load(content, map_location="cpu", weights_only=True)  # weights_only: a file cannot run code
    except pickle.UnpicklingError:  # torch's words advise to run the code
        raise ValueError("it holds more than plain data and tensors") from None


def _damage(path: Path) -> str | None:
    try:
        lines = read_bytes(path / CHECKSUMS, LARGEST_METADATA).decode("utf-8", "replace").splitlines()
        digests = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
        # Names that are no file of this folder are not opened: they could lead anywhere.
        for name in sorted(digests.keys() ^ {file.name for file in path.iterdir()} - {CHECKSUMS}):
            return f"cannot be read ({name} is in {CHECKSUMS} or in the folder, and not in both)"
        differs = [name for name, digest in sorted(digests.items()) if _digest(path / name) != digest]
        return f"is damaged (the checksum of {differs[0]} differs)" if differs else None
    except OSError as error:
        return f"cannot be read ({error.filename}: {error.strerror})"
    except InputError as error:
        return f"cannot be read ({error})"


def load_tensors(path: Path, tensors: dict[str, Any]) -> None:
    """Reads what ``save_state`` was given into ``tensors``, in place. They may be sharded in another way.

    Raises:
        InputError: if the state holds other tensors, or numbers that are not finite.
    """
    from torch.distributed.checkpoint.api import CheckpointException
    from torch.distributed.checkpoint.state_dict_loader import load

    index = _read_index(path)
    check_index(index, tensors, path)
    shares = [(name, own_share(tensor.detach())) for name, tensor in named(tensors) if tensor.is_floating_point()]
    for _, share in shares:
        share.fill_(math.nan)  # what the state leaves out stays so, and is found below
    try:
        with _in_one_process_too():
            load(tensors, storage_reader=_reader(path, index))
    except CheckpointException as error:
        cause = next(iter(error.failures.values()))[0]
        raise InputError(
            f"{path}: cannot be read, or holds other weights than this run's ({type(cause).__name__}: "
            f"{(str(cause).splitlines() or [''])[0][:200]}); put back a copy of it, or begin another run"
        ) from error
    for name, share in shares:
        if not share.isfinite().all():
            raise InputError(f"{path}: {name} lacks numbers or holds some that are not finite; {REMEDY}")


def _read_index(path: Path) -> Any:
    """Where each tensor of a state is: a pickle, of which plain records alone are taken. It runs no code."""

    class Unpickler(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            if RECORDS.fullmatch(f"{module}.{name}"):
                return super().find_class(module, name)
            raise pickle.UnpicklingError(f"{module}.{name} has no place in a state")

    try:
        return Unpickler(io.BytesIO(read_bytes(path / ".metadata", LARGEST_METADATA))).load()
    except InputError:
        raise
    except Exception as error:  # a pickle can be damaged in many ways, and each has its error
        raise InputError(f"{path}: its index of tensors cannot be read ({error}); {REMEDY}") from error


def _reader(path: Path, index: Any):
    """torch's reader of a state's files, by an index that was checked."""
    from torch.distributed.checkpoint.filesystem import FileSystemReader

    class Reader(FileSystemReader):
        def read_metadata(self, *args: Any, **kwargs: Any) -> Any:
            return index

    return Reader(path)
