"""BitFit (Ben Zaken et al. 2021): trains the biases; and the free baseline, the head alone."""

from dataclasses import dataclass
from typing import ClassVar

from torch import nn


@dataclass(frozen=True)
class BitFit:
    """Trains every bias of the body, LayerNorms' too. Source: Ben Zaken et al. 2021, section 3.

    Its biases are already the body's own, so there is nothing to merge.
    """

    name: ClassVar[str] = "bitfit"
    merges: ClassVar[bool] = True

    def wrap(self, model: nn.Module) -> None:
        """Wraps nothing."""
        for name, parameter in model.named_parameters():
            if name.endswith(".bias"):
                parameter.requires_grad_()


@dataclass(frozen=True)
class HeadAlone:
    """Trains the head, and nothing of the body."""

    name: ClassVar[str] = "head"
    merges: ClassVar[bool] = True

    def wrap(self, model: nn.Module) -> None:
        """Wraps nothing."""
