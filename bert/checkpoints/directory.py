"""A checkpoint's directory: ``config.json``, ``model.safetensors`` and the vocabulary (``vocabulary.py``).

The layout and the names of the weights are Hugging Face's, so that transformers loads what is written here as it is,
and what it wrote is loaded here.
"""

import hashlib
import inspect
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from bert.checkpoints.huggingface import (
    from_huggingface,
    labels_from_huggingface,
    labels_to_huggingface,
    to_huggingface_name,
)
from bert.checkpoints.vocabulary import check_is_directory, save_tokenizer
from bert.config import BertConfig
from bert.errors import InputError
from bert.files.whole import read_json_object, write_atomically
from bert.model.bert import BertModel
from bert.tokenization.tokenizer import Tokenizer

Model = TypeVar("Model", bound=nn.Module)

# What a checkpoint may carry that not every model has a place for: heads, and the pooler that some heads do without.
# Whoever loads BertModel, or another task's head, leaves these behind without being asked; any other weight that the
# model has no place for is an error.
KNOWN_HEADS = ("masked_language_model", "next_sentence", "classifier", "qa_outputs", "bert.pooler", "pooler")


def save_checkpoint(directory: str | Path, model: nn.Module, tokenizer: Tokenizer | None = None) -> None:
    """Writes a model, and the tokenizer that it was trained with, so that transformers can load them too.

    Each file is written whole or not at all; ``config.json`` is the last, so a directory that has one is complete.
    The weights file carries the SHA-256 of its weights, which ``load_checkpoint`` checks.

    Raises:
        InputError: where the disk is full or the place cannot be written to.
    """
    from safetensors.torch import save

    directory = Path(directory)
    has_head = not isinstance(model, BertModel)
    weights = {
        to_huggingface_name(name) if has_head else to_huggingface_name(f"bert.{name}").removeprefix("bert."): weight
        for name, weight in model.state_dict().items()
    }
    weights = {name: weight.detach().cpu().contiguous() for name, weight in weights.items()}
    metadata = {"format": "pt", "sha256": _digest(weights)}  # transformers asks for "format"
    write_atomically(directory / "model.safetensors", _with_sorted_metadata(save(weights, metadata)))
    if tokenizer is not None:
        save_tokenizer(directory, tokenizer)
    config = {"architectures": [type(model).__name__], "model_type": "bert", **model.config.to_dict()}
    if hasattr(model, "labels"):
        config |= labels_to_huggingface(model.labels, getattr(model, "problem_type", None))
    write_atomically(directory / "config.json", json.dumps(config, indent=2) + "\n")


def load_checkpoint(
    directory: str | Path, model_class: type[Model], fresh: Iterable[str] = (), config: BertConfig | None = None,
    **model_arguments,
) -> Model:  # fmt: skip
    """Loads a model from a run of ours or from a Hugging Face BERT directory, in float32, on the CPU, in eval mode.

    Args:
        directory: holds ``config.json`` and ``model.safetensors`` (or ``pytorch_model.bin``).
        model_class: BertModel or a class with a head.
        fresh: the parts, by our names, that may start untrained where the checkpoint lacks them or has them in another
            shape, for example ``("classifier",)`` to fine-tune or ``("bert.pooler",)``.
        config: of the same sizes as the checkpoint's own and, say, another dropout; None: the checkpoint's own.
        model_arguments: what the model's constructor takes besides the configuration. A head's labels, and the type
            of their problem, are those that the checkpoint names, where they are not given.

    Raises:
        InputError: where a file is missing or damaged, or a weight is missing, unexpected or of another shape; each
            is named.
    """
    directory = Path(directory)
    config, config_file = config or load_config(directory), directory / "config.json"
    if not model_arguments.keys() & {"labels", "num_labels"}:
        model_arguments = _saved_labels(config_file, model_class) | model_arguments
    path, weights = _read_weights(directory)
    weights = from_huggingface(weights, source=str(path))
    if model_class is BertModel:
        weights = {name.removeprefix("bert."): weight for name, weight in weights.items()}

    fresh = tuple(fresh)
    if config.num_hidden_layers > len(weights):  # a damaged configuration must not build a million layers
        raise InputError(f"{path}: has {len(weights)} weights, too few for {config.num_hidden_layers} layers")
    with torch.device("meta"):  # shapes without memory: nothing needs initial values that will be replaced
        model = model_class(config, **model_arguments)
    expected = model.state_dict()
    weights = {
        name: weight
        for name, weight in weights.items()
        if not (_is_in(name, fresh) and name in expected and weight.shape != expected[name].shape)
    }
    missing = sorted(name for name in expected.keys() - weights.keys() if not _is_in(name, fresh))
    unexpected = sorted(name for name in weights.keys() - expected.keys() if not _is_in(name, KNOWN_HEADS))
    misshapen = sorted(
        f"{name} {tuple(weights[name].shape)} where {tuple(expected[name].shape)} was expected"
        for name in expected.keys() & weights.keys()
        if weights[name].shape != expected[name].shape
    )
    problems = [
        f"{what}: {_listed(names)}"
        for what, names in (("missing", missing), ("unexpected", unexpected), ("of another shape", misshapen))
        if names
    ]
    if problems:
        lacking = missing + [name.split()[0] for name in misshapen]
        if not (unexpected or misshapen) and all(_is_in(name, ("bert.pooler", "pooler")) for name in missing):
            problems[-1] += "; its task had no pooler: fine-tune it with an untrained one (--fresh pooler)"
        elif any(_is_in(name, ("masked_language_model",)) for name in missing):
            problems[-1] += "; no pretraining saved it, or not with its heads: name a checkpoint of pretraining"
        elif not unexpected and all(_is_in(name, KNOWN_HEADS) for name in lacking):
            problems[-1] += "; fine-tune it for this task, with a fresh head, or name a checkpoint that was"
        raise InputError(f"{path} does not fit {model_class.__name__}: weights {'; weights '.join(problems)}")
    weights = {
        name: weights[name].float() if _is_in(name, fresh) else _as_float(weights[name], f"{path}: {name}")
        for name in expected.keys() & weights.keys()
    }
    if len(weights) < len(expected):
        model = model_class(config, **model_arguments)  # some parts start fresh, with initial values
    model.load_state_dict(weights, strict=False, assign=True)  # strictness is above, with better words
    return model.requires_grad_().eval()


def load_config(directory: str | Path) -> BertConfig:
    """The configuration of the model in a run of ours or in a Hugging Face BERT directory.

    Raises:
        InputError: where there is none, or it is no BERT's.
    """
    return BertConfig.from_json_file(_required(Path(directory), "config.json"))


def is_checkpoint_of(directory: str | Path, model_class: type[nn.Module]) -> bool:
    """Whether a checkpoint was saved as a model of this class."""
    architectures = read_json_object(_required(Path(directory), "config.json")).get("architectures")
    return isinstance(architectures, list) and model_class.__name__ in architectures


def checkpoint_labels(directory: str | Path, model_class: type[nn.Module]) -> tuple[str, ...] | None:
    """The labels of the head that a checkpoint carries, where it was saved as a model of this class; else None."""
    if not is_checkpoint_of(directory, model_class):
        return None
    labels = _saved_labels(Path(directory) / "config.json", model_class).get("labels")
    return None if labels is None else tuple(labels)


def _saved_labels(config_file: Path, model_class: type[nn.Module]) -> dict:
    """What the constructor of a model takes of the labels that a ``config.json`` names."""
    labels, problem_type = labels_from_huggingface(read_json_object(config_file), str(config_file))
    saved = {"labels": labels, "problem_type": problem_type}
    takes = inspect.signature(model_class).parameters
    return {name: value for name, value in saved.items() if name in takes and value is not None}


def _read_weights(directory: Path) -> tuple[Path, dict[str, Tensor]]:
    """The weights' file in a directory, and what it holds, under the names that it has there."""
    path = directory / "model.safetensors"
    if path.exists():
        return path, _read_safetensors(path)
    path = _required(directory, "pytorch_model.bin", "model.safetensors or pytorch_model.bin")
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)  # a pickle, but no code of it is run
    except Exception as error:  # the kinds of damage to a pickle are many, and so are the errors
        raise InputError(f"{path}: cannot be read as weights ({_first_line(error)})") from error
    if not isinstance(weights, dict) or not all(
        isinstance(name, str) and isinstance(weight, Tensor) for name, weight in weights.items()
    ):
        raise InputError(f"{path}: does not hold named weights")
    return path, weights


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


def _with_sorted_metadata(content: bytes) -> bytes:
    """A safetensors file whose metadata stand in order: the library's order changes from one call to the next, and
    the same weights would not be the same bytes. (The file is the length of a JSON header, the header, the weights.)
    """
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode("utf-8")
    text += b" " * (-len(text) % 8)  # the weights begin at a multiple of 8
    return len(text).to_bytes(8, "little") + text + content[8 + length :]


def _digest(weights: dict[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode("utf-8"))
        digest.update(weights[name].reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _as_float(weight: Tensor, source: str) -> Tensor:
    """A weight in float32.

    Raises:
        InputError: where it does not consist of finite numbers with fractions.
    """
    if weight.layout != torch.strided or weight.is_meta or not weight.is_floating_point():
        raise InputError(f"{source} is of {weight.dtype}, {weight.layout}; a dense tensor of floats was expected")
    weight = weight.float()
    if not weight.isfinite().all():
        raise InputError(f"{source} holds numbers that are not finite in float32; use another checkpoint")
    return weight


def _required(directory: Path, name: str, expected: str | None = None) -> Path:
    check_is_directory(directory)
    if not (directory / name).exists():
        raise InputError(f"{directory}: holds no {expected or name}, so it is not a checkpoint")
    return directory / name


def _is_in(name: str, parts: tuple[str, ...]) -> bool:
    return any(name == part or name.startswith(f"{part}.") for part in parts)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _listed(names: list[str], most: int = 5) -> str:
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
