"""What a training state must hold, checked before a run takes anything over.

A checksum finds damage. It does not find a state that another program wrote, or somebody who means harm.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bert.errors import InputError
from bert.files.schema import Rule, Schema, check, is_count, is_number, is_plain, shown

REMEDY = "put back a copy of training_state, or begin another run"
TENSOR_FILE = re.compile(r"__\d+_\d+\.distcp")  # as torch.distributed.checkpoint names them


def indices(*lengths: int) -> Rule:
    """The rule for a position in the data: None, or so many indices."""
    return Rule(
        lambda value: value is None or (
            isinstance(value, tuple | list) and len(value) in lengths and all(is_count(each, 2**53) for each in value)
        ),
        f"a position of {' or '.join(map(str, lengths))} indices",
    )  # fmt: skip


ANYTHING = Rule(lambda value: True, "anything")
COUNT = Rule(is_count, "a whole number from 0")
NUMBER = Rule(is_number, "a finite number")
PLAIN = Rule(is_plain, "numbers and texts")
TOTALS = Rule(
    lambda value: isinstance(value, dict) and all(
        isinstance(name, str) and re.fullmatch(r"[\w-]{1,80}", name) and isinstance(parts, list)
        and len(parts) in (2, 3) and all(type(part) in (int, float) for part in parts)
        for name, parts in value.items()
    ),
    "a sum and a count by each loss's name",
)  # fmt: skip
PROGRESS: Schema = {
    "step": COUNT,
    "tokens": COUNT,
    "seconds": Rule(lambda value: is_number(value) and value >= 0, "a number of seconds"),
    "position": indices(2, 3),
    "unreported": TOTALS,
    "leg": Rule(
        lambda value: (
            value is None
            or (
                isinstance(value, tuple | list)
                and len(value) == 3
                and is_count(value[0])
                and is_count(value[2])
                and is_number(value[1])
                and 0 <= value[1] <= 1
                and value[0] <= value[2]
                and value[2] > 0
            )
        ),
        "an update, a fraction and a later update",
    ),
}
SCALER: Schema = {  # of torch.amp.GradScaler
    "scale": Rule(lambda value: is_number(value) and value > 0, "a number above 0"),
    "growth_factor": Rule(lambda value: is_number(value) and value > 1, "a number above 1"),
    "backoff_factor": Rule(lambda value: is_number(value) and 0 < value < 1, "a number between 0 and 1"),
    "growth_interval": Rule(lambda value: is_count(value, 2**31) and value > 0, "a whole number from 1"),
    "_growth_tracker": Rule(lambda value: is_count(value, 2**31), "a whole number from 0"),
}


def check_metadata(metadata: dict[str, Any], generators: dict[str, Tensor], own: Schema, source: str) -> None:
    """Raises an InputError unless the plain data of a training state is what a run can take over.

    Args:
        metadata: all that is in ``run.pt``.
        generators: the state of this process's random generators. Saved ones must have its types and sizes.
        own: rules for what the script keeps, and for its position in the data ("position").
        source: the state's path.
    """
    rules = dict(own)
    position = {"position": rules.pop("position")} if "position" in rules else {}
    rules |= {"progress": ANYTHING, "scaler": ANYTHING}  # each is a dictionary with rules of its own, below
    rules["generators"] = Rule(
        lambda value: isinstance(value, list) and len(value) > 0 and all(_fits(each, generators) for each in value),
        "the state of each process's random generators",
    )
    check(metadata, rules, source, REMEDY, ("progress", "scaler", "generators"), others=PLAIN)
    check(metadata["progress"], {**PROGRESS, **position}, f"{source}: progress", REMEDY, ("step",))
    scaler = metadata["scaler"]  # empty if the precision needed no scaling
    check(scaler, SCALER, f"{source}: scaler", REMEDY, SCALER if scaler else ())


def _fits(saved: Any, generators: dict[str, Tensor]) -> bool:
    """Whether the saved state of a process's generators can be given to this process's."""
    return (
        isinstance(saved, dict)
        and "cpu" in saved
        and all(isinstance(state, Tensor) and state.dtype == torch.uint8 for state in saved.values())
        and all(saved[name].shape == state.shape for name, state in generators.items() if name in saved)
    )


def check_index(index: Any, tensors: dict[str, Any], folder: Path) -> None:
    """Raises an InputError unless the index of a state's tensors has those of this run, in files of its folder.

    torch reads by the index. For an entry that is no tensor it would run code of the file.

    Args:
        index: ``Metadata`` of torch.distributed.checkpoint.
        tensors: dictionaries of the tensors of this run.
    """
    from torch.distributed.checkpoint.metadata import TensorStorageMetadata

    try:
        for name, tensor in named(tensors):
            saved = index.state_dict_metadata.get(name)
            if not isinstance(saved, TensorStorageMetadata):
                raise InputError(f"{folder}: has no weights {name}: it holds other weights than this run's; {REMEDY}")
            if saved.size != tensor.size() or saved.properties.dtype != tensor.dtype:
                raise InputError(
                    f"{folder}: {name} is {tuple(saved.size)} of {saved.properties.dtype}, not {tuple(tensor.size())} "
                    f"of {tensor.dtype}: it holds other weights than this run's; {REMEDY}"
                )
        for entry in index.storage_data.values():
            if not (TENSOR_FILE.fullmatch(entry.relative_path) and is_count(entry.offset) and is_count(entry.length)):
                raise InputError(f"{folder}: its index leads to {shown(entry.relative_path)}; {REMEDY}")
    except (AttributeError, TypeError) as error:
        raise InputError(f"{folder}: its index of tensors is damaged ({error}); {REMEDY}") from error


def named(tensors: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    """(name, tensor) of each tensor in dictionaries of dictionaries, named as torch.distributed.checkpoint does.

    >>> [name for name, _ in named({"model": {"bias": torch.zeros(1)}})]
    ['model.bias']
    """
    for name, value in tensors.items():
        if isinstance(value, dict):
            yield from named(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
