"""Adapts a model: the body is frozen, a method wraps it, and the head and the method's parameters are trained.

adapt(model, Lora(rank=8))       train as usual; save_adapter writes a small file
kept = merge(model)              plain weights: save_checkpoint writes a model that needs nothing of this room
unmerge(model, kept)             the adapter again, and the body's weights bit for bit
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Protocol

from torch import nn

from bert.adaptation.matrices import MergeableLinear
from bert.errors import InputError


class Method(Protocol):
    """A way to adapt a model; its settings are the fields of a frozen dataclass."""

    name: ClassVar[str]
    merges: ClassVar[bool]  # whether its parameters can become part of the body's

    def wrap(self, model: nn.Module) -> None:
        """Wraps parts of a frozen model, in place. What the method trains requires gradients afterwards."""
        ...


@dataclass(frozen=True)
class Adaptation:
    """How a model was adapted; ``adapt`` leaves it at ``model.adaptation``."""

    method: Method
    also: tuple[str, ...]  # parts of the body that are trained whole
    trained: tuple[str, ...]  # the names of all trained parameters


class Sizes(NamedTuple):
    """Numbers of parameters."""

    trained: int
    frozen: int


class Merged(NamedTuple):
    """What ``unmerge`` needs to undo ``merge``."""

    adaptation: Adaptation
    modules: dict[str, nn.Module]


def adapt(model: nn.Module, method: Method, also: Iterable[str] = ()) -> None:
    """Freezes the body ``model.bert`` and wraps it, in place. Head and method are trained.

    The pooler is part of the body. It stays frozen, as in Houlsby's code and in peft. A checkpoint may lack it, and
    then it starts at random: train it too (``also=("bert.pooler",)``).

    Args:
        model: has a head.
        also: parts of the body that are trained whole, by name.

    Raises:
        InputError: if the model is adapted already, has no such part, or does not fit the method. Then it stays as it
            is.
    """
    if hasattr(model, "adaptation"):
        raise InputError(
            f"the model is adapted with {adaptation_of(model).method.name} already; load it again to adapt it otherwise"
        )
    parts, also = dict(model.named_modules()), tuple(also)
    if unknown := [part for part in also if not part.startswith("bert.") or part not in parts]:
        raise InputError(f"{unknown[0]!r} is no part of the model's body; a name such as bert.pooler was expected")
    before = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not name.startswith("bert."))
    for part in also:
        parts[part].requires_grad_()
    try:
        method.wrap(model)
    except InputError:
        for parameter, required in before:
            parameter.requires_grad_(required)
        raise
    model.train(model.training)  # new modules start in training mode
    trained = tuple(name for name, parameter in model.named_parameters() if parameter.requires_grad)
    model.adaptation = Adaptation(method, also, trained)  # pyright: ignore


def adaptation_of(model: nn.Module) -> Adaptation:
    """How a model was adapted. Raises an InputError if it was not."""
    found = getattr(model, "adaptation", None)
    if not isinstance(found, Adaptation):
        raise InputError("the model is not adapted; call adapt or load_adapter first")
    return found


def sizes(model: nn.Module) -> Sizes:
    """How many parameters are trained, and how many are frozen."""
    numbers = [(parameter.numel(), parameter.requires_grad) for parameter in model.parameters()]
    trained = sum(number for number, is_trained in numbers if is_trained)
    return Sizes(trained, sum(number for number, _ in numbers) - trained)


def merge(model: nn.Module) -> Merged:
    """Makes the adapter part of plain weights, in place. Then the model is an ordinary one of its class.

    Returns:
        What ``unmerge`` needs. The body's old weights are in it.

    Raises:
        InputError: if the method adds computations that no weight of the body can take over.
    """
    adaptation = adaptation_of(model)
    if not adaptation.method.merges:
        raise InputError(
            f"an adapter of {adaptation.method.name} cannot be merged into the body's weights; keep it beside the body"
        )
    wrapped = {name: module for name, module in model.named_modules() if isinstance(module, MergeableLinear)}
    for name, module in wrapped.items():
        model.set_submodule(name, module.merged().train(module.training))
    del model.adaptation
    return Merged(adaptation, dict(wrapped))


def unmerge(model: nn.Module, merged: Merged) -> None:
    """Undoes ``merge``, in place: the adapter stands apart again, and the body's weights are as before, to the bit."""
    for name, module in merged.modules.items():
        model.set_submodule(name, module.train(model.get_submodule(name).training))
    model.adaptation = merged.adaptation  # pyright: ignore
