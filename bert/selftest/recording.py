"""Recorded numbers in a file: ``--record`` writes it, ``--against`` reads it.

A ``.safetensors`` file holds the arrays of ``numbers.py`` by name. A ``.json`` file holds an object with the same names
and nested lists. There an array may also be a corner of the whole one, as pages of published models print it:

    {"input_ids": [[101, 7592, 102]], "hidden_states.12": {"at": [0, 1, 0], "values": [[[0.12, -0.5]]]}}

``input_ids`` is needed, and at least one array of numbers. Without ``token_type_ids`` all are 0; without an
``attention_mask`` there is no padding.
"""

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bert.checkpoints.weights import read_safetensors, write_weights
from bert.config import BertConfig
from bert.errors import InputError
from bert.files.json_objects import read_json_object
from bert.files.whole import write_atomically
from bert.selftest.numbers import Known, Numbers
from bert.selftest.subject import Inputs

SUFFIXES = (".safetensors", ".json")
INPUTS = ("input_ids", "token_type_ids", "attention_mask")
NUMBERS = re.compile(r"hidden_states\.\d+|attention_output\.\d+|pooler_output|prediction_logits|next_sentence_logits")


def check_new_file(path: str) -> None:
    """Raises an InputError if a recording cannot be written there: another kind of file, or one that exists."""
    if Path(path).suffix not in SUFFIXES:
        raise InputError(f"{path}: recorded numbers are a .safetensors or a .json file; give it such a name")
    if os.path.exists(path):
        raise InputError(f"{path}: exists already, and would be replaced; remove it, or name another file")


def write_recording(path: str, inputs: Inputs, numbers: Numbers) -> None:
    """Writes inputs and numbers, in float32. Raises an InputError if the file cannot be written."""
    ids = {"input_ids": inputs.padded(inputs.input_ids), "token_type_ids": inputs.padded(inputs.token_type_ids)}
    arrays = ids | {"attention_mask": inputs.attention_mask}
    arrays |= {name: known.values.astype(np.float32) for name, known in numbers.items()}
    if Path(path).suffix == ".json":
        write_atomically(path, json.dumps({name: values.tolist() for name, values in arrays.items()}) + "\n")
    else:
        tensors = {name: torch.from_numpy(values) for name, values in arrays.items()}
        write_weights(Path(path).parent, tensors, Path(path).name)


def read_recording(path: str, config: BertConfig) -> tuple[Inputs, Numbers]:
    """The inputs and numbers of a file, for a model of this configuration.

    Raises an InputError if the file is missing, damaged, or of inputs that this model cannot take.
    """
    if Path(path).suffix not in SUFFIXES:
        raise InputError(
            f"{path}: is neither a checkpoint's directory nor a .safetensors or .json file of recorded numbers; "
            f"--record FILE writes one"
        )
    if Path(path).suffix == ".json":
        arrays = {name: from_json(values, f"{path}: {name}") for name, values in read_json_object(path).items()}
    else:
        arrays = {
            name: Known.whole((values.float() if values.is_floating_point() else values).numpy())
            for name, values in read_safetensors(Path(path)).items()
        }
    unknown = sorted(name for name in arrays if name not in INPUTS and not NUMBERS.fullmatch(name))
    if unknown:
        raise InputError(f"{path}: {unknown[0][:80]!r} is no name of numbers; docs/selftest.md has all names")
    numbers = {name: known for name, known in arrays.items() if name not in INPUTS}
    if not numbers or "input_ids" not in arrays:
        raise InputError(f"{path}: holds no {'numbers' if 'input_ids' in arrays else 'input_ids'}; both are needed")
    for name, known in numbers.items():
        number = name.rpartition(".")[2]
        if number.isdigit() and int(number) > config.num_hidden_layers:
            raise InputError(f"{path}: has {name}, but the model has {config.num_hidden_layers} layers")
        if known.values.ndim != (2 if name in ("pooler_output", "next_sentence_logits") else 3):
            raise InputError(f"{path}: {name} has {known.values.ndim} axes; docs/selftest.md says which it must have")
        if not np.isfinite(known.values).all():
            raise InputError(f"{path}: {name} holds numbers that are not finite; record it again")
    return inputs_of({name: arrays[name].values for name in INPUTS if name in arrays}, path, config), numbers


def from_json(values: Any, source: str) -> Known:
    """Nested lists of numbers, or a corner of them. Raises an InputError if it is something else."""
    at = None
    if isinstance(values, dict):
        if values.keys() != {"at", "values"}:
            raise InputError(f"{source}: an object has the keys {sorted(values)[:5]}; at and values were expected")
        at, values = values["at"], values["values"]
    try:
        array = np.array(values)
    except ValueError:  # the lists are of unequal lengths
        array = np.array(None)
    if array.dtype.kind not in "if":
        raise InputError(f"{source}: holds no array of numbers; nested lists of equal lengths were expected")
    if at is None:
        return Known.whole(array)
    if not isinstance(at, list) or len(at) != array.ndim or not all(type(each) is int and each >= 0 for each in at):
        raise InputError(f"{source}: at is {str(at)[:80]}; an index for each of the {array.ndim} axes was expected")
    return Known(array, tuple(at))


def inputs_of(arrays: dict[str, np.ndarray], path: str, config: BertConfig) -> Inputs:
    """The inputs of a file. Raises an InputError if the model cannot take them."""
    ids = arrays["input_ids"]
    types, mask = arrays.get("token_type_ids", np.zeros_like(ids)), arrays.get("attention_mask", np.ones_like(ids))
    for name, values, most in (
        ("input_ids", ids, config.vocab_size), ("token_type_ids", types, config.type_vocab_size),
        ("attention_mask", mask, 2),
    ):  # fmt: skip
        if values.dtype.kind != "i" or values.ndim != 2 or values.shape != ids.shape or not values.size:
            raise InputError(f"{path}: {name} is {values.dtype} {values.shape}; integers (batch, seq) were expected")
        if values.min() < 0 or values.max() >= most:
            raise InputError(f"{path}: {name} goes from {values.min()} to {values.max()}, but 0 to {most - 1} exist")
    if ids.shape[1] > config.max_position_embeddings:
        raise InputError(
            f"{path}: inputs of {ids.shape[1]} tokens, but the model reads {config.max_position_embeddings}"
        )
    lengths = mask.sum(axis=1)
    if (mask != (np.arange(mask.shape[1]) < lengths[:, None])).any() or not lengths.all():
        raise InputError(f"{path}: attention_mask has padding before a token, or a row of padding; put it at the end")
    rows = [slice(0, length) for length in lengths]
    ids, types = (np.concatenate([row[part] for row, part in zip(each, rows)]) for each in (ids, types))
    return Inputs(ids.astype(np.int64), types.astype(np.int64), tuple(lengths.tolist()))
