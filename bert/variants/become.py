"""A module becomes a variant of itself: it keeps its parameters, and computes something else with them."""

from functools import cache
from typing import Any

from torch import nn


def become(module: nn.Module, variant: type[nn.Module]) -> None:
    """Makes ``module`` a ``variant``, in place. What else it is already, it stays.

    Args:
        variant: a subclass of the part of the paper's model that the module is. It overrides ``forward``, and calls
            the next one by ``super()``. So several variants of a part combine.
    """
    part: Any = module
    part.__class__ = _both(variant, type(module))


@cache  # all layers of a model have one class, and share what a compiler makes of it
def _both(variant: type[nn.Module], kind: type[nn.Module]) -> type[nn.Module]:
    """A class that is of both kinds: ``variant`` comes first."""
    if issubclass(variant, kind):
        return variant
    return type(variant.__name__, (variant, kind), {"__module__": variant.__module__, "__doc__": variant.__doc__})
