"""The weights of a checkpoint: ``model.safetensors``, or the older ``pytorch_model.bin``."""

import hashlib
import json
from pathlib import Path

import torch
from torch import Tensor

from bert.checkpoints.vocabulary import check_is_directory
from bert.errors import InputError
from bert.files.whole import atomic_file


def write_weights(directory: Path, weights: dict[str, Tensor]) -> None:
    """Writes ``model.safetensors``. Its metadata hold the SHA-256 of the weights, which ``read_weights`` checks.

    The same weights are the same bytes. The library writes metadata in a random order, so we put them in ours.
    """
    from safetensors.torch import save

    weights = {name: weight.detach().cpu().contiguous() for name, weight in weights.items()}
    metadata = {"format": "pt", "sha256": _digest(weights)}  # transformers asks for "format"
    content = save(weights, metadata)
    end = 8 + int.from_bytes(content[:8], "little")  # of the header, which is JSON, padded with spaces
    header = json.loads(content[8:end]) | {"__metadata__": metadata}
    with atomic_file(directory / "model.safetensors") as file:
        file.write(content[:8] + json.dumps(header, separators=(",", ":")).encode().ljust(end - 8))
        file.write(memoryview(content)[end:])


def read_weights(directory: Path) -> tuple[Path, dict[str, Tensor]]:
    """The path of a directory's weights, and these by name. Raises an InputError if they are damaged or missing."""
    path = directory / "model.safetensors"
    if path.exists():
        return path, _read_safetensors(path)
    path = required_file(directory, "pytorch_model.bin", "model.safetensors or pytorch_model.bin")
    return path, _read_pickle(path)


def required_file(directory: Path, name: str, expected: str | None = None) -> Path:
    """The path of a file that every checkpoint has. Raises an InputError if it is not there."""
    check_is_directory(directory)
    if not (directory / name).exists():
        raise InputError(f"{directory}: holds no {expected or name}, so it is not a checkpoint")
    return directory / name


def as_float32(weight: Tensor, source: str) -> Tensor:
    """A weight in float32. Raises an InputError if it is not a dense tensor of finite floats."""
    if weight.layout != torch.strided or weight.is_meta or not weight.is_floating_point():
        raise InputError(f"{source} is of {weight.dtype}, {weight.layout}; a dense tensor of floats was expected")
    weight = weight.float()
    if not weight.isfinite().all():
        raise InputError(f"{source} holds numbers that are not finite in float32; use another checkpoint")
    return weight


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise InputError(f"{path}: is no file; the weights of a model were expected there")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no dictionary)
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(f"{path}: is damaged ({error}); copy or train it again") from error
    if "sha256" in metadata and metadata["sha256"] != _digest(weights):
        raise InputError(f"{path}: is damaged (its weights do not have the checksum in it); copy or train it again")
    return weights


def _read_pickle(path: Path) -> dict[str, Tensor]:
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)  # it is a pickle; none of its code runs
    except Exception as error:  # each kind of damage to a pickle raises another error
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path}: cannot be read as weights ({reason})") from error
    if not isinstance(weights, dict) or not all(
        isinstance(name, str) and isinstance(weight, Tensor) for name, weight in weights.items()
    ):
        raise InputError(f"{path}: does not hold named weights")
    return weights


def _digest(weights: dict[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode("utf-8"))
        digest.update(weights[name].reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
