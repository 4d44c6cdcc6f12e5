"""A model without values, to be filled from files. It takes no memory, and no initial values are computed."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

Model = TypeVar("Model", bound=nn.Module)

_INITIALIZERS = {"normal_", "trunc_normal_", "uniform_", "kaiming_uniform_"}


def shapes_of(make: Callable[[], Model]) -> Model:
    """What ``make`` gives, with every parameter on the meta device: a shape and a number format.

    Nothing is drawn from torch's generators.
    """
    with torch.device("meta"), _NotInitialized():
        return make()


class _NotInitialized(TorchFunctionMode):
    """Leaves initial values out. On the meta device the first random number would load PyTorch's compiler.

    Its 830 modules take 74 MB and more than a second, in each command that loads a model.
    """

    def __torch_function__(
        self, func: Callable, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__name__", "") in _INITIALIZERS:
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        return func(*args, **kwargs)
