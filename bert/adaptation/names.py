"""The parameters of an adapter under peft's names, and under ours.

ours                        in the file
bert. ... query.lora_A      base_model.model.bert. ... query.lora_A.weight
the same of AdaLoRA         base_model.model.bert. ... query.lora_A
bert. ... query.ia3_l       base_model.model.bert. ... query.ia3_l
bert.encoder.prefix. ...    prompt_embeddings
classifier.weight           base_model.model.classifier.weight, or beside a prefix base_model.classifier.weight
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from bert.adaptation.adalora import AdaLora
from bert.adaptation.adapt import Method
from bert.adaptation.lora import Lora
from bert.adaptation.prefix import Prefix
from bert.checkpoints.huggingface import from_huggingface_name, to_huggingface_name
from bert.errors import InputError

PREFIX = "bert.encoder.prefix."
PROMPT = "prompt_embeddings"
_PARTS = ("lora_A", "lora_B", "lora_E", "ia3_l")


def to_file(method: Method, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """An adapter's parameters as the file has them: of AdaLoRA the triplets that are left, of a prefix the result."""
    begin = "base_model." if isinstance(method, Prefix) else "base_model.model."
    end = ".weight" if isinstance(method, Lora) else ""
    saved = {}
    for name, weight in _without_cut_triplets(weights).items():
        if name.startswith(PREFIX):
            saved[PROMPT] = _whole_prefix(weights)
        else:
            saved[begin + to_huggingface_name(name) + (end if name.endswith(_PARTS) else "")] = weight
    return saved


def from_file(weights: dict[str, Tensor], source: str) -> dict[str, Tensor]:
    """A file's parameters by our names. Raises an InputError if a name is not one of an adapter's."""
    ours = {}
    for name, weight in weights.items():
        if name == PROMPT:
            ours[f"{PREFIX}embeddings"] = weight
            continue
        if not name.startswith("base_model."):
            raise InputError(f"{source}: has {name[:80]!r}; names that begin with base_model. were expected")
        short = name.removeprefix("base_model.").removeprefix("model.")
        part = short.removesuffix(".weight")
        ours[from_huggingface_name(part if part.endswith(_PARTS) else short)] = weight
    return ours


def head_parts(saved: dict[str, Tensor]) -> list[str]:
    """What is saved whole, by transformers' names: the head, and what was trained of the body besides."""
    own = (*_PARTS, *(f"{part}.weight" for part in _PARTS), PROMPT)
    names = [name.removeprefix("base_model.").removeprefix("model.") for name in saved if not name.endswith(own)]
    return sorted({name.rpartition(".")[0] for name in names})


def rank_pattern(method: Method, weights: dict[str, Tensor]) -> dict[str, list[bool]]:
    """Which of the initial triplets of each matrix are left, as peft writes it; empty without AdaLoRA."""
    pattern = {}
    if isinstance(method, AdaLora):
        for name in [name for name in weights if name.endswith(".lora_E")]:
            is_left = (weights[name].flatten() != 0).tolist()
            pattern[to_huggingface_name(name)] = is_left + [False] * (method.initial_rank - len(is_left))
    return pattern


def _without_cut_triplets(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same without the triplets of AdaLoRA whose lambda is 0. A matrix may have none left."""
    weights = dict(weights)
    for name, values in [each for each in weights.items() if each[0].endswith(".lora_E")]:
        matrix, is_left = name.removesuffix("lora_E"), values.flatten() != 0
        weights[name], weights[f"{matrix}lora_A"] = values[is_left], weights[f"{matrix}lora_A"][is_left]
        weights[f"{matrix}lora_B"] = weights[f"{matrix}lora_B"][:, is_left]
    return weights


def _whole_prefix(weights: dict[str, Tensor]) -> Tensor:
    """(length, layers * 2 * hidden_size), the prefix itself. If an MLP makes it, its result."""
    embeddings = weights[f"{PREFIX}embeddings"]
    if f"{PREFIX}up.weight" not in weights:
        return embeddings
    down, up = ((weights[f"{PREFIX}{part}.weight"], weights[f"{PREFIX}{part}.bias"]) for part in ("down", "up"))
    return F.linear(torch.tanh(F.linear(embeddings, *down)), *up)
