"""The flags of ``--adapt``: which method heeds which of them, and with which learning rate it begins."""

import argparse
from collections.abc import Mapping, Set
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from bert.adaptation.adalora import AdaLora
from bert.adaptation.adapt import Method
from bert.adaptation.bitfit import BitFit, HeadAlone
from bert.adaptation.houlsby import Houlsby
from bert.adaptation.ia3 import IA3
from bert.adaptation.lora import Lora
from bert.adaptation.matrices import ALL
from bert.adaptation.pfeiffer import Pfeiffer
from bert.adaptation.prefix import Prefix
from bert.errors import InputError
from bert.training import flags
from bert.training.flags import add_number

TARGETS = {"query-value": ("query", "value"), "all": ALL}
PREFIX_MLP = 512  # the hidden size of THUDM/P-tuning-v2 (arguments.py, prefix_hidden_size)


@dataclass(frozen=True)
class AdaptationSettings:
    """The settings of ``--adapt``, one for each flag; None: the method's own default."""

    adapt: str | None = None
    rank: int | None = None
    alpha: float | None = None
    targets: str | None = None
    target_rank: int | None = None
    bottleneck: int | None = None
    prefix_length: int | None = None
    prefix_mlp: int | None = None


class Row(NamedTuple):
    """A method as the flags know it."""

    method: type
    learning_rate: float  # few new parameters need larger ones than a whole model
    fields: Mapping[str, str] = MappingProxyType({})  # the flags that it heeds, and the field that each one sets


METHODS = {
    "lora": Row(Lora, 1e-3, {"rank": "rank", "alpha": "alpha", "targets": "targets"}),
    # Its product starts smaller than LoRA's: at 1e-3 it had learned nothing of SST-2 after 200 updates.
    "adalora": Row(AdaLora, 5e-3, {"rank": "initial_rank", "target_rank": "target_rank", "alpha": "alpha"}),
    "houlsby": Row(Houlsby, 1e-3, {"bottleneck": "size"}),
    "pfeiffer": Row(Pfeiffer, 1e-3, {"bottleneck": "size"}),
    "prefix": Row(Prefix, 1e-2, {"prefix_length": "length", "prefix_mlp": "projection_size"}),
    "ia3": Row(IA3, 1e-2),
    "bitfit": Row(BitFit, 2e-3),
    "head": Row(HeadAlone, 5e-3),
}

# A frozen body cannot have these: the flag, and what it would do.
_NEED_A_TRAINED_BODY = {
    "random_start": "leaves every weight of the body untrained",
    "compare": "trains a body from random weights besides",
    "reinitialize_layers": "leaves layers of the body untrained",
    "layer_decay": "gives each layer of the body a learning rate",
    "zero_shot": "trains nothing",
}


def method_of(settings: AdaptationSettings) -> Method | None:
    """The method that the flags describe; None: every weight is trained.

    If one of AdaLoRA's two ranks is given, the other follows: it starts with half as much rank again as it ends with
    (Zhang et al. 2023, section 3.3).
    """
    if settings.adapt is None:
        return None
    kind, _, its_fields = METHODS[settings.adapt]
    values: dict[str, Any] = {field: getattr(settings, flag) for flag, field in its_fields.items()}
    if kind is AdaLora:
        first, last = values["initial_rank"], values["target_rank"]
        values["initial_rank"] = first or (last and -(-last * 3 // 2))
        values["target_rank"] = last or (first and max(1, first * 2 // 3))
    if targets := values.get("targets"):
        values["targets"] = TARGETS[targets]
    return kind(**{field: value for field, value in values.items() if value is not None})


def check_adaptation_flags(given: Set[str], settings: Any) -> None:
    """Checks the flags about adapters, and those that do not go with one.

    Args:
        settings: all of the run.

    Raises:
        InputError: if the method does not heed a flag, or if two contradict each other.
    """
    heeded = () if settings.adapt is None else METHODS[settings.adapt].fields
    for flag in sorted(given & {flag for row in METHODS.values() for flag in row.fields} - set(heeded)):
        methods = " or ".join(f"--adapt {name}" for name, row in METHODS.items() if flag in row.fields)
        raise InputError(f"{_spelled(flag)} is heeded by {methods} alone; leave it out, or name that method")
    if settings.adapt is None:
        return
    for flag, meaning in _NEED_A_TRAINED_BODY.items():
        if getattr(settings, flag) != getattr(type(settings), flag):  # its default
            raise InputError(
                f"{_spelled(flag)} {meaning}, and --adapt {settings.adapt} keeps the body as it is; leave one of them "
                f"out"
            )
    if settings.rank and settings.target_rank and settings.target_rank > settings.rank:
        raise InputError(
            f"--target-rank {settings.target_rank} is above --rank {settings.rank}, with which each matrix starts; "
            f"AdaLoRA only lowers ranks: give a higher --rank"
        )
    try:
        method_of(settings)
    except InputError as error:
        raise InputError(f"--adapt {settings.adapt}: {error}") from None
    if settings.adapt == "prefix" and settings.compile:
        raise InputError(
            "--compile does not work with --adapt prefix, which changes lengths inside a layer; leave it out"
        )
    if settings.adapt == "adalora" and settings.shard:
        raise InputError(
            "--shard does not work with --adapt adalora, which compares the ranks of all matrices after each update; "
            "leave it out"
        )


def add_adaptation_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of ``--adapt``."""
    adaptation = parser.add_argument_group("adaptation: few trained parameters around a frozen body")
    rates = ", ".join(f"{name} {row.learning_rate:g}" for name, row in METHODS.items())
    adaptation.add_argument(
        "--adapt", choices=tuple(METHODS),
        help=f"the method; the run saves the adapter and the head alone; its optimizer is adamw, at {rates}",
    )  # fmt: skip
    add_number(adaptation, "--rank", flags.positive, "LoRA's rank (8), or AdaLoRA's at the start (12)")
    add_number(adaptation, "--alpha", flags.above_zero, "by which LoRA and AdaLoRA scale, over the rank (16)")
    adaptation.add_argument("--targets", choices=tuple(TARGETS), help="LoRA's matrices in each layer (query-value)")
    add_number(adaptation, "--target-rank", flags.positive, "AdaLoRA's rank at the end, on average (8)")
    add_number(adaptation, "--bottleneck", flags.positive, "the size of houlsby's (64) or pfeiffer's (48) small layer")
    add_number(adaptation, "--prefix-length", flags.positive, "keys and values before those of the text (20)")
    adaptation.add_argument(
        "--prefix-mlp", nargs="?", const=PREFIX_MLP, type=flags.positive, metavar="N",
        help=f"make the prefix by an MLP with N hidden units (if N is left out, {PREFIX_MLP})",
    )  # fmt: skip


def _spelled(flag: str) -> str:
    return f"--{flag.replace('_', '-')}"
