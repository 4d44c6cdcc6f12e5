"""The six matrices of an encoder layer, around which most methods wrap something."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable

from torch import Tensor, nn

from bert.errors import InputError

# Their short names, and their places in a layer.
MATRICES = {
    "query": "attention.query",
    "key": "attention.key",
    "value": "attention.value",
    "attention_output": "attention.output",
    "intermediate": "feed_forward.intermediate",
    "output": "feed_forward.output",
}
ALL = tuple(MATRICES)


class WrappedLinear(nn.Linear):
    """A dense layer that takes over the weight and the bias of another one, under their old names.

    So the body's entries in ``state_dict`` keep their names, and a subclass adds its own beside them.
    """

    def __init__(self, base: nn.Linear):
        nn.Module.__init__(self)  # not nn.Linear's, which would draw new weights
        self.in_features, self.out_features = base.in_features, base.out_features
        self.weight, self.bias = base.weight, base.bias


class MergeableLinear(WrappedLinear, ABC):
    """A wrapped dense layer of which a plain one can be made."""

    @abstractmethod
    def merged(self) -> nn.Linear:
        """A plain dense layer that computes the same."""


class PlainLinear(nn.Linear):
    """A dense layer of a given weight (out, in) and bias (out,)."""

    def __init__(self, weight: Tensor, bias: Tensor | None):
        nn.Module.__init__(self)
        self.out_features, self.in_features = weight.shape
        self.weight = nn.Parameter(weight.detach(), requires_grad=False)
        self.bias = bias if bias is None else nn.Parameter(bias.detach(), requires_grad=False)


def check_targets(targets: Iterable[str]) -> None:
    """Raises an InputError unless each target is the short name of a matrix, and there is one."""
    targets = tuple(targets)
    if unknown := [name for name in targets if name not in MATRICES]:
        raise InputError(f"targets has {unknown[0]!r}; of {', '.join(MATRICES)} some were expected")
    if not targets or len(set(targets)) < len(targets):
        raise InputError(f"targets is {', '.join(targets) or 'empty'}; one matrix or more, each once, was expected")


def wrap_matrices(model: nn.Module, targets: Iterable[str], wrap: Callable[[nn.Linear], nn.Linear]) -> None:
    """Replaces matrices of every encoder layer of ``model.bert``, in place.

    Args:
        targets: their short names.
        wrap: makes the new module from the old one.
    """
    for number in range(len(model.bert.encoder.layers)):  # pyright: ignore
        for target in targets:
            name = f"bert.encoder.layers.{number}.{MATRICES[target]}"
            model.set_submodule(name, wrap(model.get_submodule(name)))  # pyright: ignore
