"""IA3 (Liu et al. 2022): keys, values and the feed-forward network's hidden states are scaled by learned vectors."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from bert.adaptation.matrices import MergeableLinear, PlainLinear, check_targets, wrap_matrices


@dataclass(frozen=True)
class IA3:
    """The settings of IA3. Raises an InputError if a matrix is unknown or has both its sides scaled.

    Defaults are Liu et al. 2022, section 3.3: three vectors in each layer. On BERT peft has a fourth one, since its
    "output.dense" is a name of two matrices: the input of attention_output. There it only repeats what the vector of
    the values does.
    """

    name: ClassVar[str] = "ia3"
    merges: ClassVar[bool] = True

    outputs_of: tuple[str, ...] = ("key", "value")  # matrices whose output is scaled
    inputs_of: tuple[str, ...] = ("output",)  # matrices whose input is scaled

    def __post_init__(self):
        check_targets((*self.outputs_of, *self.inputs_of))

    def wrap(self, model: nn.Module) -> None:
        """Puts a ``ScaledLinear`` around each matrix."""
        wrap_matrices(model, self.outputs_of, lambda base: ScaledLinear(base, scales_input=False))
        wrap_matrices(model, self.inputs_of, lambda base: ScaledLinear(base, scales_input=True))


class ScaledLinear(MergeableLinear):
    """A dense layer whose input or output is multiplied by a vector, which is 1 at first.

    Source: Liu et al. 2022, section 3.3.
    """

    def __init__(self, base: nn.Linear, scales_input: bool):
        super().__init__(base)
        self.scales_input = scales_input
        shape = (1, base.in_features) if scales_input else (base.out_features, 1)  # peft's shapes
        self.ia3_l = nn.Parameter(base.weight.new_ones(shape))

    def forward(self, input: Tensor) -> Tensor:
        """(..., in_features) -> (..., out_features)"""
        if self.scales_input:
            return super().forward((input * self.ia3_l.flatten()).to(input.dtype))
        output = super().forward(input)
        return (output * self.ia3_l.flatten()).to(output.dtype)  # 16 bits stay 16 bits

    @torch.no_grad()
    def merged(self) -> nn.Linear:
        """The weight with its columns scaled; or with its rows, and the bias with them."""
        if self.scales_input or self.bias is None:
            return PlainLinear(self.weight * self.ia3_l, self.bias)
        return PlainLinear(self.weight * self.ia3_l, self.bias * self.ia3_l.flatten())
