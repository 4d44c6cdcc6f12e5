"""``pytorch_model.bin``: weights as torch.save writes them, a pickle in a zip archive."""

import zipfile
import zlib
from pathlib import Path

import torch
from torch import Tensor

from bert.errors import InputError
from bert.files.reading import require_file


def read_pytorch_bin(path: Path) -> dict[str, Tensor]:
    """The weights in a file of ``torch.save``; no code in it runs. Raises an InputError if they are damaged."""
    if not path.is_file():
        raise InputError(f"{path}: is no file; the weights of a model were expected there")
    _check_archive(path)
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # each kind of damage to a pickle raises another error
        raise InputError(
            f"{path}: cannot be read as weights (it is damaged, or holds objects other than tensors, whose code is not "
            f"run here); fetch it again, or let transformers save it as model.safetensors"
        ) from error
    if not isinstance(weights, dict) or not all(
        isinstance(name, str) and isinstance(weight, Tensor) for name, weight in weights.items()
    ):
        raise InputError(f"{path}: does not hold named weights")
    for name, weight in weights.items():
        if kind := _strange_kind(weight):
            raise InputError(f"{path}: {name} is {kind}; a dense tensor was expected; use another checkpoint")
    return weights


def _check_archive(path: Path) -> None:
    """Compares each record with its checksum (CRC-32); torch.load does not.

    Files of before PyTorch 1.6 are no archives, and have no checksums.
    """
    require_file(path)
    with open(path, "rb") as file:
        if file.read(4) != b"PK\x03\x04":
            return
    try:
        with zipfile.ZipFile(path) as archive:
            compressed = [info.filename for info in archive.infolist() if info.compress_type != zipfile.ZIP_STORED]
            damaged = compressed[0] if compressed else archive.testzip()
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, RuntimeError, zlib.error) as error:
        raise InputError(f"{path}: cannot be read as weights (a damaged archive: {error}); fetch it again") from error
    if damaged is not None:
        what = "is compressed, as torch.save does not" if compressed else "does not have its checksum"
        raise InputError(f"{path}: cannot be read as weights (its record {damaged} {what}); fetch it again")


def _strange_kind(weight: Tensor) -> str:
    """What a tensor is, if it is not what a model's weight can be; else nothing."""
    if weight.is_nested:
        return "a nested tensor"
    if weight.layout != torch.strided:
        return "a sparse tensor"
    if weight.is_meta:
        return "a tensor without values (device meta)"
    if weight.is_quantized:
        return "a quantized tensor"
    if weight.is_complex():
        return "a tensor of complex numbers"
    if weight.numel() * weight.element_size() > weight.untyped_storage().nbytes():  # a stride of 0
        return f"of {weight.numel():,} numbers, but the file holds fewer"
    return ""
