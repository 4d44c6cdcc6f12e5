"""An adapter's directory: ``adapter_model.safetensors`` and ``adapter_config.json``, in peft's form.

It holds the method's parameters, the head, and nothing of the frozen body, of which it keeps the checksum. So it is
small, and it only works with that body. peft loads our adapters of LoRA, AdaLoRA, IA3 and prefix tuning, and we load
peft's.
"""

import copy
import inspect
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from bert.adaptation.adalora import adalora_matrices
from bert.adaptation.adapt import Adaptation, Method, adapt, adaptation_of
from bert.adaptation.names import from_file, head_parts, rank_pattern, to_file
from bert.adaptation.peft_config import TASK_TYPES, from_peft, to_peft
from bert.adaptation.prefix import Prefix
from bert.checkpoints.directory import KNOWN_HEADS, load_checkpoint
from bert.checkpoints.pytorch_bin import read_pytorch_bin
from bert.checkpoints.weights import as_float32, digest, read_safetensors, write_weights
from bert.errors import InputError
from bert.files.json_objects import parse_json_object, read_json_object
from bert.files.schema import Rule, check
from bert.files.whole import remove_unless, write_atomically

Model = TypeVar("Model", bound=nn.Module)
WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"
OURS = "bert"  # our own entry among the metadata of the weights
_TEXT = Rule(lambda value: value is None or isinstance(value, str), "a text")
_TEXTS = Rule(lambda value: value is None or (isinstance(value, list) and all(map(_TEXT.holds, value))), "texts")
_CHECKSUMS = Rule(lambda value: isinstance(value, dict), "checksums by name")
_OURS = {
    "head": _TEXT, "labels": _TEXTS, "problem_type": _TEXT, "pool": _TEXT, "also": _TEXTS, "body": _CHECKSUMS,
    "shift_positions": Rule(lambda value: isinstance(value, bool), "true or false"),
}  # fmt: skip


@dataclass(frozen=True)
class AdapterFile:
    """An adapter as it was read.

    Attributes:
        path: of its weights.
        method: with its settings.
        weights: by our names.
        head: the name of the model's class; None if the file does not say.
        labels, problem_type, pool: of the head; None if the file does not say.
        also: the parts of the body that were trained whole.
        body: the checksum of each frozen part of the body; empty in files of peft.
    """

    path: Path
    method: Method
    weights: dict[str, Tensor]
    head: str | None
    labels: tuple[str, ...] | None
    problem_type: str | None
    pool: str | None
    also: tuple[str, ...]
    body: dict[str, str]


def save_adapter(
    directory: str | Path, model: nn.Module, checkpoint: str | None = None, weights: dict[str, Tensor] | None = None
) -> None:
    """Writes the adapter of a model. Each file is whole or not there, and ``adapter_config.json`` comes last.

    Args:
        checkpoint: where the body is from, for whoever reads the file (base_model_name_or_path).
        weights: all of the model's; None: its ``state_dict``. A sharded model's must be gathered before.

    Raises:
        InputError: if the model is not adapted, or the directory cannot be written to.
    """
    directory, adaptation = Path(directory), adaptation_of(model)
    weights = model.state_dict() if weights is None else weights
    weights = {name: weight.detach().cpu() for name, weight in weights.items()}
    method = adaptation.method
    saved = to_file(method, {name: weights[name] for name in adaptation.trained})
    config = to_peft(method, model, head_parts(saved), rank_pattern(method, weights))
    config["base_model_name_or_path"] = checkpoint
    content = json.dumps(config, indent=2, sort_keys=True) + "\n"
    ours = {
        "head": type(model).__name__,
        "labels": getattr(model, "labels", None),
        "problem_type": getattr(model, "problem_type", None),
        "pool": getattr(model, "pool", None),
        "also": adaptation.also,
        "body": body_checksums(weights, adaptation),
        "shift_positions": isinstance(method, Prefix) and method.shift_positions,
    }
    remove_unless(directory / CONFIG, content)
    write_weights(directory, saved, WEIGHTS, {OURS: json.dumps(ours)})
    write_atomically(directory / CONFIG, content)


def read_adapter(directory: str | Path) -> AdapterFile:
    """Reads an adapter of ours or of peft.

    Raises an InputError if a file is missing or damaged, or the method has what we do not have.
    """
    directory = Path(directory)
    if not (directory / CONFIG).exists():
        raise InputError(f"{directory}: holds no {CONFIG}, so it is not an adapter")
    config = read_json_object(directory / CONFIG)
    path, ours = directory / WEIGHTS, {}
    if path.exists() or not (directory / "adapter_model.bin").exists():
        weights = read_safetensors(path)
        ours = parse_json_object(_metadata(path).get(OURS, "{}"), f"{path}: its metadata")
        check(ours, _OURS, f"{path}: its metadata", "train it again")
    else:
        path = directory / "adapter_model.bin"
        weights = read_pytorch_bin(path)
    weights = {name: as_float32(weight, f"{path}: {name}") for name, weight in from_file(weights, str(path)).items()}
    method = from_peft(config, weights, str(directory / CONFIG), ours.get("shift_positions", True))
    heads = {task_type: head for head, task_type in TASK_TYPES.items()}
    labels = ours.get("labels")
    with_pooler = ["bert.pooler"] if "bert.pooler.dense.weight" in weights else []
    return AdapterFile(
        path=path,
        method=method,
        weights=weights,
        head=ours.get("head") or heads.get(str(config.get("task_type"))),
        labels=None if labels is None else tuple(labels),
        problem_type=ours.get("problem_type"),
        pool=ours.get("pool"),
        also=tuple(ours.get("also", with_pooler)),
        body=ours.get("body", {}),
    )


def load_adapter(adapter: str | Path | AdapterFile, model: nn.Module) -> None:
    """Adapts a model as an adapter says, and loads its parameters and its head, in place.

    Args:
        adapter: its directory, or what ``read_adapter`` gave.
        model: an unadapted one, with the body on which the adapter was trained, and as many labels. If the adapter does
            not fit, it stays as it is.

    Raises:
        InputError: if the adapter is damaged, or not for this model: another body, head, size or other labels.
    """
    if not isinstance(adapter, AdapterFile):
        adapter = read_adapter(adapter)
    _check_head(adapter, model)
    skeleton = _without_weights(model)
    _prepare(skeleton, adapter)
    expected = {name: skeleton.get_parameter(name).shape for name in adaptation_of(skeleton).trained}
    if problems := _misfits(adapter.weights, expected):
        raise InputError(
            f"{adapter.path}: does not fit this {type(model).__name__}: weights {problems}; name the checkpoint that "
            f"it was trained on"
        )
    found = body_checksums({name: weight.cpu() for name, weight in model.state_dict().items()}, adaptation_of(skeleton))
    for part, checksum in adapter.body.items():
        if found.get(part) != checksum:
            raise InputError(
                f"{adapter.path}: was trained on another body (other weights in {part}); name the checkpoint that it "
                f"was trained on"
            )
    _prepare(model, adapter)
    with torch.no_grad():
        for name, weight in adapter.weights.items():
            model.get_parameter(name).copy_(weight)


def load_adapted(checkpoint: str | Path, adapter: str | Path, model_class: type[Model]) -> Model:
    """The body of a checkpoint with an adapter and its head: float32, on the CPU, in eval mode.

    Raises an InputError if either is damaged, or they do not belong together.
    """
    file = read_adapter(adapter)
    parameters = inspect.signature(model_class).parameters
    labels: Any = {"labels": file.labels, "problem_type": file.problem_type, "pool": file.pool}
    if file.labels is None and (weight := file.weights.get("classifier.weight")) is not None:
        labels["num_labels"] = len(weight)
    arguments = {name: value for name, value in labels.items() if name in parameters and value is not None}
    fresh = (*(part for part in KNOWN_HEADS if part != "pooler"),)
    model = load_checkpoint(checkpoint, model_class, fresh=fresh, **arguments)
    load_adapter(file, model)
    return model.eval()


def body_checksums(weights: dict[str, Tensor], adaptation: Adaptation) -> dict[str, str]:
    """The SHA-256 of each part of the body ("bert.embeddings" and so on), of what is frozen of it.

    Args:
        weights: all of a model's, adapted or not.
    """
    trained = set(adaptation.trained)
    frozen: dict[str, dict[str, Tensor]] = {}
    for name, weight in weights.items():
        if name.startswith("bert.") and name not in trained:
            frozen.setdefault(".".join(name.split(".")[:2]), {})[name] = weight
    return {part: digest(its_weights) for part, its_weights in frozen.items()}


def _metadata(path: Path) -> dict[str, str]:
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        return file.metadata() or {}


def _prepare(model: nn.Module, adapter: AdapterFile) -> None:
    """Adapts a model, with the shapes of the adapter's parameters."""
    adapt(model, adapter.method, adapter.also)
    for name, module in adalora_matrices(model).items():
        if (values := adapter.weights.get(f"{name}.lora_E")) is not None:
            module.keep_ranks(len(values))


def _without_weights(model: nn.Module) -> nn.Module:
    """A copy of a model whose parameters have shapes and no memory."""
    empty: dict[int, Any] = {
        id(parameter): nn.Parameter(torch.empty_like(parameter, device="meta")) for parameter in model.parameters()
    }
    return copy.deepcopy(model, empty)


def _check_head(adapter: AdapterFile, model: nn.Module) -> None:
    """Raises an InputError if the head is of another class, or has other labels."""
    if adapter.head is not None and adapter.head != type(model).__name__:
        raise InputError(
            f"{adapter.path}: is an adapter of a {adapter.head}, and this model is a {type(model).__name__}; use a "
            f"{adapter.head}"
        )
    if adapter.pool is not None and adapter.pool != (its_pool := getattr(model, "pool", None)):
        raise InputError(
            f"{adapter.path}: its head reads pool={adapter.pool!r}, and the model's pool={its_pool!r}; make the model "
            f"with the adapter's"
        )
    labels = getattr(model, "labels", None)
    if adapter.labels is not None and labels is not None and tuple(labels) != adapter.labels:
        raise InputError(
            f"{adapter.path}: its labels are {', '.join(adapter.labels)}, and the model's are {', '.join(labels)}; "
            f"make the model with the adapter's labels"
        )


def _misfits(weights: dict[str, Tensor], expected: dict[str, torch.Size]) -> str:
    """Which weights do not fit, in words; empty if all do."""
    shapes = [
        f"{name} {tuple(weights[name].shape)}, not {tuple(expected[name])}"
        for name in sorted(weights.keys() & expected.keys())
        if weights[name].shape != expected[name]
    ]
    problems = {
        "missing": sorted(expected.keys() - weights.keys()),
        "unexpected": sorted(weights.keys() - expected.keys()),
        "of another shape": shapes,
    }
    return "; weights ".join(f"{problem}: {', '.join(names[:3])}" for problem, names in problems.items() if names)
