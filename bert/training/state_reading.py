"""Reading a training state. A damaged one is named, and the state before it is used. No code in a state is run."""

import io
import math
import pickle
import re
import zipfile
from pathlib import Path
from typing import Any

import torch

from bert.errors import InputError
from bert.files.reading import read_bytes
from bert.training.sharding import own_share
from bert.training.state import CHECKSUMS, METADATA, checksum, in_one_process_too, saved_states
from bert.training.state_schema import REMEDY, check_index, named

LARGEST_METADATA = 1 << 26  # bytes of any file of a state but those of its tensors
RECORDS = re.compile(  # what a .metadata may name: nothing that does more than hold values
    r"torch\.distributed\.checkpoint\.(metadata\.(Metadata|MetadataIndex|TensorStorageMetadata|TensorProperties"
    r"|ChunkStorageMetadata|BytesStorageMetadata|StorageMeta|_MEM_FORMAT_ENCODING)|filesystem\._StorageInfo)"
    r"|torch\.(Size|float32|float64|int64|serialization\._get_layout)|pathlib\.(Posix|Windows)Path"
)


def newest_state(directory: Path) -> tuple[Path, dict[str, Any], list[str]]:
    """The newest state that is whole: its path, its metadata, and a sentence about each newer one that is damaged.

    Raises:
        InputError: if there is none.
    """
    complaints = []
    for path in saved_states(directory):
        try:
            return path, read_metadata(path), complaints
        except InputError as error:
            complaints.append(str(error))
    found = "; ".join(complaints) or "it holds no state"
    if not complaints and list(directory.glob("step-*.pt")):
        raise InputError(
            f"--resume: an earlier version of this program saved the states in {directory}, in another format; resume "
            f"them with that version, or begin another run under another --output (its model still loads)"
        )
    raise InputError(f"--resume: nothing to resume from in {directory} ({found}); begin another run")


def read_metadata(path: Path) -> dict[str, Any]:
    """The metadata of a state, all files of which are whole. Raises an InputError if one is damaged."""
    if damage := _damage(path):
        raise InputError(f"{path}: {damage}")
    try:
        metadata = _read_metadata(path / METADATA)
    except Exception as error:  # a pickle can be damaged in many ways, and each has its error
        raise InputError(f"{path}: cannot be read as a state ({(str(error).splitlines() or [''])[0]})") from error
    if not isinstance(metadata, dict):
        raise InputError(f"{path}: holds a {type(metadata).__name__}, not a state")
    return metadata


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
        differs = [name for name, digest in sorted(digests.items()) if checksum(path / name) != digest]
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
        with in_one_process_too():
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
