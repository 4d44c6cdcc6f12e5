"""The weights of a checkpoint: ``model.safetensors``, or the older ``pytorch_model.bin``, in one part or in several.

Else Google's ``bert_model.ckpt`` (``google/``).
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from bert.checkpoints.google import find
from bert.checkpoints.google.read import read_google_weights
from bert.checkpoints.pytorch_bin import read_pytorch_bin
from bert.checkpoints.vocabulary import check_is_directory
from bert.errors import InputError
from bert.files.json_objects import read_json_object
from bert.files.reading import require_file
from bert.files.whole import atomic_file

# Files of weights that are not PyTorch's, as patterns.
_OTHER_FRAMEWORKS = {
    "tf_model.h5": "TensorFlow", "flax_model.msgpack": "Flax", "*.onnx": "ONNX", "onnx/*.onnx": "ONNX",
}  # fmt: skip
ADAPTER_CONFIG = "adapter_config.json"  # of an adapter's directory (bert/adaptation/files.py)
Reader = Callable[[Path], dict[str, Tensor]]


def write_weights(
    directory: Path, weights: dict[str, Tensor], name: str = "model.safetensors", more: dict[str, str] | None = None
) -> None:
    """Writes a file of weights. Its metadata hold the SHA-256 of the weights, which ``read_weights`` checks.

    The same weights are the same bytes. The library writes metadata in a random order, so we put them in ours.

    Args:
        more: further metadata.
    """
    from safetensors.torch import save

    weights = {name: weight.detach().cpu().contiguous() for name, weight in weights.items()}
    owners = {weight.data_ptr(): owner for owner, weight in reversed(weights.items())}
    weights = {  # a weight with two names is in the file twice
        each: weight if owners[weight.data_ptr()] == each else weight.clone() for each, weight in weights.items()
    }
    metadata = {"format": "pt", "sha256": digest(weights)} | (more or {})  # transformers asks for "format"
    content = save(weights, metadata)
    end = 8 + int.from_bytes(content[:8], "little")  # of the header, which is JSON, padded with spaces
    header = json.loads(content[8:end]) | {"__metadata__": metadata}
    with atomic_file(directory / name) as file:
        file.write(content[:8] + json.dumps(header, separators=(",", ":")).encode().ljust(end - 8))
        file.write(memoryview(content)[end:])


def read_weights(directory: Path) -> tuple[Path, dict[str, Tensor]]:
    """The path of a directory's weights, and these by name. Raises an InputError if they are damaged or missing."""
    check_is_directory(directory)
    for name, read in (("model.safetensors", read_safetensors), ("pytorch_model.bin", read_pytorch_bin)):
        path, index = directory / name, directory / f"{name}.index.json"
        if path.exists():
            return path, read(path)
        if index.exists():
            return index, _read_parts(index, read)
    if prefix := find.google_checkpoint(directory):
        return prefix, read_google_weights(prefix)
    return required_file(directory, "model.safetensors", "model.safetensors or pytorch_model.bin"), {}


def weight_files(directory: Path) -> list[Path]:
    """The files that a directory's weights are in, whose content says which model it is.

    Raises an InputError if there are none.
    """
    check_is_directory(directory)
    for name in ("model.safetensors", "pytorch_model.bin"):
        if (directory / name).exists():
            return [directory / name]
        if (directory / f"{name}.index.json").exists():
            stem, ending = name.split(".")
            return [directory / f"{name}.index.json", *sorted(directory.glob(f"{stem}-*-of-*.{ending}"))]
    if prefix := find.google_checkpoint(directory):
        return [prefix.with_name(f"{prefix.name}.index")]  # it has the checksums of all tensors
    return [required_file(directory, "model.safetensors", "model.safetensors or pytorch_model.bin")]


def required_file(directory: Path, name: str, expected: str | None = None) -> Path:
    """The path of a file that every checkpoint has. Raises an InputError if it is not there.

    ``bert_config.json``, its name in Google's code, stands for a ``config.json``.
    """
    check_is_directory(directory)
    if name == "config.json" and not (directory / name).exists() and (directory / find.CONFIG).exists():
        name = find.CONFIG
    elif name == "config.json":
        expected = f"config.json or {find.CONFIG}"
    if not (directory / name).exists():
        for pattern, framework in _OTHER_FRAMEWORKS.items():
            if found := sorted(directory.glob(pattern)):
                raise InputError(
                    f"{found[0]}: holds weights for {framework}, and only PyTorch's are read here; convert them with "
                    f"transformers 4 (BertForPreTraining.from_pretrained with from_tf or from_flax, then "
                    f"save_pretrained), or fetch the model's model.safetensors and config.json"
                )
        if (directory / ADAPTER_CONFIG).exists():
            raise InputError(
                f"{directory}: holds an adapter without its body, and a whole model was expected; make one of the two: "
                f"python -m bert merge {directory} OUT"
            )
        raise InputError(f"{directory}: holds no {expected or name}, so it is not a checkpoint")
    require_file(directory / name)
    return directory / name


def as_float32(weight: Tensor, source: str) -> Tensor:
    """A weight in float32. Raises an InputError if it is not a dense tensor of finite floats."""
    if weight.layout != torch.strided or weight.is_meta or not weight.is_floating_point():
        raise InputError(f"{source} is of {weight.dtype}, {weight.layout}; a dense tensor of floats was expected")
    weight = weight.float()
    if weight.numel() and not all(
        end.isfinite() for end in weight.aminmax()
    ):  # isfinite of all would need as much memory
        raise InputError(f"{source} holds numbers that are not finite in float32; use another checkpoint")
    return weight


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """The weights in a file, by name. Raises an InputError if it is damaged or missing."""
    from safetensors import SafetensorError, safe_open

    require_file(path)
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no dictionary)
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(f"{path}: is damaged ({error}); copy or train it again") from error
    if "sha256" in metadata and metadata["sha256"] != digest(weights):
        raise InputError(f"{path}: is damaged (its weights do not have the checksum in it); copy or train it again")
    return weights


def _read_parts(index: Path, read: Reader) -> dict[str, Tensor]:
    """The weights of a checkpoint in several files, as its index names them."""
    values = read_json_object(index)
    file_of, metadata = values.get("weight_map"), values.get("metadata")
    if not isinstance(file_of, dict) or not file_of or not all(isinstance(name, str) for name in file_of.values()):
        raise InputError(f"{index}: has no weight_map of weights and files; fetch it again")
    weights: dict[str, Tensor] = {}
    for name in sorted(set(file_of.values())):
        if Path(name).name != name:  # a path could lead anywhere
            raise InputError(f"{index}: names the part {name[:80]!r}; a file of the same directory was expected")
        if not (index.parent / name).exists():
            raise InputError(f"{index}: names the part {name}, which is not there; fetch it too")
        part = read(index.parent / name)
        expected = {weight for weight, file in file_of.items() if file == name}
        if different := sorted(part.keys() ^ expected):
            where = "lacks" if different[0] in expected else "also holds"
            raise InputError(
                f"{index.parent / name}: {where} {different[0]}, unlike {index.name} says; fetch both again"
            )
        weights |= part
    size = metadata.get("total_size") if isinstance(metadata, dict) else None
    sizes = [weight.numel() * weight.element_size() for weight in weights.values()]
    storages = {weight.untyped_storage().data_ptr(): size for weight, size in zip(weights.values(), sizes)}
    if size is not None and size not in (sum(sizes), sum(storages.values())):  # a tied weight counts once or twice
        raise InputError(
            f"{index}: total_size is {str(size)[:80]}, but the parts hold {sum(sizes)} bytes; fetch all again"
        )
    return weights


def digest(weights: dict[str, Tensor]) -> str:
    """The SHA-256 of the names and the bytes of weights on the CPU."""
    hashed = hashlib.sha256()
    for name in sorted(weights):
        hashed.update(name.encode("utf-8"))
        hashed.update(weights[name].reshape(-1).view(torch.uint8).numpy().data)
    return hashed.hexdigest()
