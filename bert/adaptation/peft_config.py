"""``adapter_config.json``: a method's settings as peft writes them, and as we do for methods that peft lacks."""

from collections.abc import Iterable
from dataclasses import asdict, fields
from typing import Any

from torch import Tensor, nn

from bert.adaptation.adalora import AdaLora
from bert.adaptation.adapt import Method
from bert.adaptation.bitfit import BitFit, HeadAlone
from bert.adaptation.houlsby import Houlsby
from bert.adaptation.ia3 import IA3
from bert.adaptation.lora import Lora
from bert.adaptation.matrices import MATRICES
from bert.adaptation.pfeiffer import Pfeiffer
from bert.adaptation.prefix import Prefix
from bert.checkpoints.huggingface import to_huggingface_name
from bert.errors import InputError
from bert.files.schema import shown

PEFT_TYPES = {Lora: "LORA", AdaLora: "ADALORA", IA3: "IA3", Prefix: "PREFIX_TUNING"}
OWN_TYPES = {"HOULSBY": Houlsby, "PFEIFFER": Pfeiffer, "BITFIT": BitFit, "HEAD": HeadAlone}
TASK_TYPES = {
    "BertForSequenceClassification": "SEQ_CLS",
    "BertForTokenClassification": "TOKEN_CLS",
    "BertForQuestionAnswering": "QUESTION_ANS",
}

# Keys that say nothing about what the adapter computes, or that its weights say too. Any other key that we do not know
# must be empty: it would change the result.
_HARMLESS = {
    "auto_mapping", "base_model_name_or_path", "exclude_modules", "inference_mode", "init_ia3_weights", "megatron_core",
    "modules_to_save", "peft_type", "peft_version", "qalora_group_size", "revision", "runtime_config", "target_modules",
    "task_type",
}  # fmt: skip
_KNOWN = {
    "LORA": {"r", "lora_alpha", "lora_dropout", "init_lora_weights"},
    "ADALORA": {
        "r", "init_r", "target_r", "lora_alpha", "lora_dropout", "init_lora_weights", "rank_pattern", "tinit", "tfinal",
        "deltaT", "beta1", "beta2", "orth_reg_weight", "total_step",
    },
    "IA3": {"feedforward_modules"},
    "PREFIX_TUNING": {
        "num_virtual_tokens", "token_dim", "num_layers", "num_attention_heads", "encoder_hidden_size",
        "num_transformer_submodules", "prefix_projection", "init_weights",
    },
}  # fmt: skip
_EMPTY = (None, False, {}, [], "", "none")
_INITIAL_WEIGHTS = (True, False, None, "gaussian", "orthogonal", "eva")  # others change the body's weights too


def to_peft(method: Method, model: nn.Module, modules_to_save: list[str], rank_pattern: dict[str, list[bool]]) -> dict:
    """The contents of ``adapter_config.json``, but for the name of the body.

    Args:
        modules_to_save: what is trained and saved whole, by transformers' names.
        rank_pattern: of AdaLoRA: which triplets of each matrix are saved.
    """
    if type(method) not in PEFT_TYPES:
        return {"peft_type": method.name.upper(), **asdict(method)}  # pyright: ignore
    common = {
        "peft_type": PEFT_TYPES[type(method)],
        "task_type": TASK_TYPES.get(type(model).__name__),
        "modules_to_save": modules_to_save,
        "inference_mode": True,
    }
    config: Any = model.config
    layers = config.num_hidden_layers
    if isinstance(method, Lora | AdaLora):
        common |= {
            "lora_alpha": method.alpha, "lora_dropout": method.dropout, "bias": "none",
            "target_modules": _peft_names(method.targets, layers),
        }  # fmt: skip
    if isinstance(method, Lora):
        return common | {"r": method.rank}
    if isinstance(method, AdaLora):
        ranks = {"init_r": method.initial_rank, "target_r": method.target_rank, "rank_pattern": rank_pattern}
        return common | ranks | {"total_step": 1, "tinit": 0, "tfinal": 0}  # peft wants a schedule; nothing follows it
    if isinstance(method, IA3):
        return common | {
            "target_modules": _peft_names((*method.outputs_of, *method.inputs_of), layers),
            "feedforward_modules": _peft_names(method.inputs_of, layers),
        }
    if isinstance(method, Prefix):
        return common | {
            "num_virtual_tokens": method.length,
            "num_layers": layers,
            "num_attention_heads": config.num_attention_heads,
            "token_dim": config.hidden_size,
            "encoder_hidden_size": config.hidden_size,
            "num_transformer_submodules": 1,
            "prefix_projection": False,  # its result is saved, not the MLP
        }
    raise ValueError(f"no file format for {method}")


def from_peft(config: dict, weights: dict[str, Tensor], source: str, shift_positions: bool = True) -> Method:
    """The method of an ``adapter_config.json``, peft's or ours.

    Args:
        weights: the adapter's, by our names. They say which matrices are wrapped.
        source: the file, for messages.
        shift_positions: whether a prefix shifts the positions of the text. In files of peft it does.

    Raises:
        InputError: if it describes what we do not have. The message names the key.
    """
    kind = config.get("peft_type")
    if isinstance(kind, str) and kind in OWN_TYPES:
        return _own(config, OWN_TYPES[kind], source)
    if not isinstance(kind, str) or kind not in _KNOWN:
        known = ", ".join([*_KNOWN, *OWN_TYPES])
        raise InputError(f"{source}: peft_type is {shown(kind)}; one of {known} was expected; use another adapter")
    for key, value in config.items():
        is_known = key in _HARMLESS | _KNOWN[kind] or value in _EMPTY
        if not is_known or (key == "init_lora_weights" and value not in _INITIAL_WEIGHTS):
            raise InputError(
                f"{source}: {key} is {shown(value)}, which changes what the adapter computes, and is not supported "
                f"here; use an adapter without it, or merge this one with peft"
            )
    try:
        return _method(config, kind, weights, shift_positions)
    except KeyError as error:
        raise InputError(f"{source}: has no {error.args[0]}; fetch the adapter again") from None
    except InputError as error:
        raise InputError(f"{source}: {error}") from None


def _method(config: dict, kind: str, weights: dict[str, Tensor], shift_positions: bool) -> Method:
    dropout = config.get("lora_dropout", 0.0)
    if kind == "LORA":
        return Lora(config["r"], config["lora_alpha"], _targets(weights, "lora_A"), dropout)
    if kind == "ADALORA":
        first, last = config["init_r"], config["target_r"]
        last = min(last, first) if type(first) is type(last) is int else last
        return AdaLora(first, last, config["lora_alpha"], _targets(weights, "lora_E"), dropout)
    if kind == "IA3":
        vectors = {name: weight for name, weight in weights.items() if name.endswith(".ia3_l") and weight.ndim == 2}
        inputs = {name: vector for name, vector in vectors.items() if len(vector) == 1}
        return IA3(_targets(vectors.keys() - inputs.keys(), "ia3_l"), _targets(inputs, "ia3_l"))
    if config["num_transformer_submodules"] not in (1, None):
        raise InputError("num_transformer_submodules is not 1, and BERT is an encoder alone; use another adapter")
    return Prefix(config["num_virtual_tokens"], shift_positions=shift_positions)


def _own(config: dict, kind: type, source: str) -> Method:
    """A method that peft lacks; the keys are its fields."""
    names = {field.name for field in fields(kind)}
    if unknown := [key for key in config if key not in names | _HARMLESS]:
        raise InputError(f"{source}: {unknown[0]} is unknown; it comes from another version of this program")
    try:
        return kind(**{name: config[name] for name in names if name in config})
    except InputError as error:
        raise InputError(f"{source}: {error}") from None


def _peft_names(targets: Iterable[str], layers: int) -> list[str]:
    """Ends of transformers' names that match the matrices, and nothing else.

    "output.dense" would match two matrices of a layer, so it is named layer by layer.
    """
    names = []
    for target in targets:
        if target == "output":
            names += [f"layer.{number}.output.dense" for number in range(layers)]
        else:
            name = to_huggingface_name(f"bert.encoder.layers.0.{MATRICES[target]}")
            names.append(
                name.removeprefix("bert.encoder.layer.0.attention.self.").removeprefix("bert.encoder.layer.0.")
            )
    return names


def _targets(names: Iterable[str], part: str) -> tuple[str, ...]:
    """The short names of the matrices that have such a part in any layer."""
    places = {name.split(".", 4)[-1] for name in names if name.startswith("bert.encoder.layers.")}
    return tuple(target for target, place in MATRICES.items() if f"{place}.{part}" in places)
