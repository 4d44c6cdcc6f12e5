r"""LoRA (Hu et al. 2021): beside a frozen matrix W learns a product of two small ones.

x ---- W ---------------------- + ---> W x + (alpha / rank) B A dropout(x)
 \--- dropout --- A --- B ---- /       A (rank, in), B (out, rank)
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bert.adaptation.checks import check_alpha, check_count, check_dropout
from bert.adaptation.matrices import MergeableLinear, PlainLinear, check_targets, wrap_matrices
from bert.model.dropout import Dropout


@dataclass(frozen=True)
class Lora:
    """The settings of LoRA. Raises an InputError if no adapter has such a value.

    Defaults are Hu et al. 2021, section 4.2: queries and values.
    """

    name: ClassVar[str] = "lora"
    merges: ClassVar[bool] = True

    rank: int = 8
    alpha: float = 16
    targets: tuple[str, ...] = ("query", "value")  # short names of matrices (``matrices.py``)
    dropout: float = 0.0  # of the adapter's input

    def __post_init__(self):
        check_count("rank", self.rank)
        check_alpha(self.alpha)
        check_targets(self.targets)
        check_dropout(self.dropout)

    def wrap(self, model: nn.Module) -> None:
        """Puts a ``LoraLinear`` around each target."""
        wrap_matrices(model, self.targets, lambda base: LoraLinear(base, self))


class LoraLinear(MergeableLinear):
    """A dense layer with a low-rank product beside it, which is 0 at first.

    Source: Hu et al. 2021, equation 3. The paper says that A starts Gaussian. Its code (microsoft/LoRA, ``layers.py``)
    and peft have a uniform distribution, as nn.Linear has; so does this.
    """

    def __init__(self, base: nn.Linear, settings: Lora):
        super().__init__(base)
        self.scale = settings.alpha / settings.rank
        self.dropout = Dropout(settings.dropout)
        self.lora_A = nn.Parameter(base.weight.new_empty(settings.rank, base.in_features))
        self.lora_B = nn.Parameter(base.weight.new_zeros(base.out_features, settings.rank))
        nn.init.kaiming_uniform_(self.lora_A, a=math.sqrt(5))

    def forward(self, input: Tensor) -> Tensor:
        """(..., in_features) -> (..., out_features)"""
        reduced = self.scale * F.linear(self.dropout(input), self.lora_A)  # scaled while it is small
        return super().forward(input) + F.linear(reduced, self.lora_B)

    @torch.no_grad()
    def merged(self) -> nn.Linear:
        """W + (alpha / rank) B A."""
        return PlainLinear(self.weight + self.scale * self.lora_B @ self.lora_A, self.bias)
