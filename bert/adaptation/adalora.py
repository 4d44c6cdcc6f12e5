"""AdaLoRA (Zhang et al. 2023): LoRA whose ranks are dealt out among the matrices while it trains.

    W x + scale * P diag(lambda) Q dropout(x)        P (out, rank), lambda (rank,), Q (rank, in)

A column of P, a lambda and a row of Q are a triplet. Triplets of little importance lose their lambda (``budget.py``).
A loss keeps P and Q nearly orthogonal, so that triplets say different things.
"""

import inspect
import types
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bert.adaptation.adapt import adaptation_of
from bert.adaptation.checks import check_alpha, check_count, check_dropout
from bert.adaptation.matrices import ALL, MergeableLinear, PlainLinear, check_targets, wrap_matrices
from bert.errors import InputError
from bert.heads.batch import Batch
from bert.heads.loss import Loss
from bert.model.dropout import Dropout

LOSS = "orthogonality"  # its name among the model's losses


@dataclass(frozen=True)
class AdaLora:
    """The settings of AdaLoRA. Raises an InputError if no adapter has such a value.

    Defaults follow the paper's scripts (QingruZhang/AdaLoRA, ``NLU/scripts``): all six matrices, and half as much rank
    again at the start as at the end.
    """

    name: ClassVar[str] = "adalora"
    merges: ClassVar[bool] = True

    initial_rank: int = 12  # of every matrix
    target_rank: int = 8  # of a matrix at the end, on average
    alpha: float = 16
    targets: tuple[str, ...] = ALL  # short names of matrices (``matrices.py``)
    dropout: float = 0.0  # of the adapter's input
    orthogonality: float = 0.1  # the weight of that loss
    initial_share: float = 0.15  # of the updates, before the first triplet is cut
    final_share: float = 0.5  # of the updates, with the target rank
    every: int = 1  # so many updates lie between two cuts, until the target rank is reached

    def __post_init__(self):
        check_count("target_rank", self.target_rank)
        check_count("initial_rank", self.initial_rank)
        check_count("every", self.every)
        if self.target_rank > self.initial_rank:
            raise InputError(
                f"target_rank {self.target_rank} is above initial_rank {self.initial_rank}; AdaLoRA only lowers ranks: "
                f"start from a higher one"
            )
        check_alpha(self.alpha)
        check_targets(self.targets)
        check_dropout(self.dropout)
        if type(self.orthogonality) not in (int, float) or not 0 <= self.orthogonality < float("inf"):
            raise InputError(f"orthogonality is {self.orthogonality!r}; a number from 0 was expected")
        for name in ("initial_share", "final_share"):
            if type(share := getattr(self, name)) not in (int, float) or not 0 <= share < 1:
                raise InputError(f"{name} is {share!r}; a share of the updates from 0 to below 1 was expected")

    def wrap(self, model: nn.Module) -> None:
        """Puts an ``AdaLoraLinear`` around each target, and adds the loss "orthogonality" to the model's."""
        wrap_matrices(model, self.targets, lambda base: AdaLoraLinear(base, self))
        model.losses = types.MethodType(_losses, model)  # pyright: ignore
        model.label_counts = types.MethodType(_label_counts, model)  # pyright: ignore


class AdaLoraLinear(MergeableLinear):
    """A dense layer with a low-rank product in the form of a singular value decomposition, which is 0 at first.

    Source: Zhang et al. 2023, section 3.1. As in its code (``loralib/adalora.py``) and peft, P and Q start with the
    standard deviation 0.02. The scale alpha / (initial_rank + 1e-5) stays, whatever rank is left.
    """

    def __init__(self, base: nn.Linear, settings: AdaLora):
        super().__init__(base)
        self.scale = settings.alpha / (settings.initial_rank + 1e-5)
        self.dropout = Dropout(settings.dropout)
        new = base.weight.new_zeros
        self.lora_A = nn.Parameter(new(settings.initial_rank, base.in_features))  # Q
        self.lora_E = nn.Parameter(new(settings.initial_rank, 1))  # lambda
        self.lora_B = nn.Parameter(new(base.out_features, settings.initial_rank))  # P
        nn.init.normal_(self.lora_A, std=0.02)
        nn.init.normal_(self.lora_B, std=0.02)

    def forward(self, input: Tensor) -> Tensor:
        """(..., in_features) -> (..., out_features)"""
        reduced = F.linear(self.dropout(input), self.scale * self.lora_E * self.lora_A)
        return super().forward(input) + F.linear(reduced, self.lora_B)

    def orthogonality(self) -> Tensor:
        """(2,) how far P and Q are from orthogonal: the Frobenius norms of P^T P - I and Q Q^T - I."""
        identity = torch.eye(len(self.lora_E), device=self.lora_E.device)
        with torch.autocast(self.lora_E.device.type, enabled=False):  # the products of 16 bits would miss I by more
            grams = self.lora_B.mT @ self.lora_B, self.lora_A @ self.lora_A.mT
        return torch.stack([torch.linalg.matrix_norm(gram - identity) for gram in grams])

    def keep_ranks(self, rank: int) -> None:
        """Gives it the shapes of ``rank`` triplets, whose values are to be loaded. 0 is a rank too."""
        self.lora_A = nn.Parameter(self.lora_A.detach()[:rank].clone())
        self.lora_E = nn.Parameter(self.lora_E.detach()[:rank].clone())
        self.lora_B = nn.Parameter(self.lora_B.detach()[:, :rank].clone())

    @torch.no_grad()
    def merged(self) -> nn.Linear:
        """W + scale * P diag(lambda) Q."""
        return PlainLinear(self.weight + self.scale * self.lora_B @ (self.lora_A * self.lora_E), self.bias)


def adalora_matrices(model: nn.Module) -> dict[str, AdaLoraLinear]:
    """The matrices with such an adapter, by name."""
    return {name: module for name, module in model.named_modules() if isinstance(module, AdaLoraLinear)}


def ranks(model: nn.Module) -> dict[str, int]:
    """The rank of each matrix: how many of its lambdas are not 0."""
    return {name: int(module.lora_E.count_nonzero()) for name, module in adalora_matrices(model).items()}


def orthogonality_loss(model: nn.Module) -> Loss:
    """The weighted mean of the norms over all P and Q, as a loss that counts once.

    A departure: equation 4 of the paper has the sum of the squares. Its code and peft have the mean of the norms.
    """
    method: Any = adaptation_of(model).method
    norms = torch.cat([module.orthogonality() for module in adalora_matrices(model).values()])
    return Loss(method.orthogonality * norms.mean(), torch.ones((), dtype=torch.int64, device=norms.device), None)


def _losses(model: nn.Module, batch: Batch) -> dict[str, Loss]:
    """The losses of the model's class. While an adapted model trains, the loss of orthogonality is among them."""
    losses = type(model).losses(model, batch)  # pyright: ignore
    if model.training and hasattr(model, "adaptation"):
        losses[LOSS] = orthogonality_loss(model)
    return losses


def _label_counts(model: nn.Module, batch: Batch) -> dict[str, int]:
    """The label counts of the model's class, and 1 for the loss of orthogonality."""
    of_class = inspect.getattr_static(type(model), "label_counts")  # a function, or a static method
    counts = of_class.__get__(model)(batch)
    if hasattr(model, "adaptation"):
        counts[LOSS] = 1
    return counts
