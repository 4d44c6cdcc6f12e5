"""Checks of the two groups of parameters, on a small model whose parameters have names."""

from types import ModuleType
from typing import Any

import torch
from torch import nn

from bert.exercises.checks.compare import require, require_tuple


class Model(nn.Module):
    """A parameter of each kind."""

    def __init__(self):
        super().__init__()
        self.embeddings = nn.Embedding(5, 3)
        self.dense, self.layer_norm = nn.Linear(3, 3), nn.LayerNorm(3)
        self.frozen = nn.Linear(3, 2)
        self.frozen.requires_grad_(False)
        self.bias = nn.Parameter(torch.zeros(5))  # as the masked language model's head has one
        self.lora_E = nn.Parameter(torch.zeros(4))  # a vector of an adapter, which decays


DECAYED = {
    "embeddings.weight": "the embeddings do not decay; all matrices do",
    "dense.weight": "a dense layer's weight does not decay; all matrices do",
    "lora_E": "an adapter's vector does not decay: the kind of a parameter counts, not its number of axes",
}
NOT_DECAYED = {
    "dense.bias": "the bias of a dense layer decays; biases do not",
    "bias": "a bias that belongs to no dense layer decays; a parameter called bias does not",
    "layer_norm.weight": "the weight of a LayerNorm decays; it would be pulled to 0",
    "layer_norm.bias": "the bias of a LayerNorm decays; biases do not",
}


def check_the_groups(module: ModuleType) -> None:
    model = Model()
    groups = _groups(module, model, 0.07)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    decays: dict[str, list[bool]] = {}
    for group in groups:
        decay = group["weight_decay"]
        require(decay in (0, 0.07), f"a group has a weight_decay of {decay}; it must be the argument's, or 0")
        for parameter in group["params"]:
            decays.setdefault(names.get(id(parameter), "?"), []).append(decay > 0)
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            require(name not in decays, f"{name} is frozen (requires_grad is False), but is in a group")
            continue
        require(name in decays, f"{name} is in no group, so it would never be trained")
        require(len(decays[name]) == 1, f"{name} is in the groups {len(decays[name])} times; once is right")
    for name, sentence in (DECAYED | NOT_DECAYED).items():
        require(decays[name][0] == (name in DECAYED), sentence)


def check_a_weight_of_two_modules(module: ModuleType) -> None:
    model = nn.ModuleDict({"first": nn.Linear(3, 3, bias=False), "second": nn.Linear(3, 3, bias=False)})
    model["second"].weight = model["first"].weight
    groups = _groups(module, model, 0.01)
    count = sum(len(list(group["params"])) for group in groups)
    require(count == 1, "a weight that two modules share is in the groups twice; model.parameters() has it once")


def _groups(module: ModuleType, model: nn.Module, weight_decay: float) -> tuple[dict[str, Any], ...]:
    groups = require_tuple(module.parameter_groups(model, weight_decay), 2, "parameter_groups")
    for group in groups:
        has_keys = isinstance(group, dict) and {"params", "weight_decay"} <= group.keys()
        require(has_keys, 'each group must be a dictionary with "params" and "weight_decay"')
        group["params"] = list(group["params"])
    return groups
