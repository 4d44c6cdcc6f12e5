"""The activations that a configuration can name (``hidden_act``). BERT's own is GELU (Hendrycks & Gimpel 2016).

The names, and what each computes, are those of transformers (``activations.py``, ``ACT2FN``).
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bert import fast
from bert.config import EXACT_GELU, TANH_GELU


@fast.sooner("built_in:gelu")
def gelu(x: Tensor) -> Tensor:
    """x * Phi(x): each number times the probability that a standard normal variable is smaller than it.

    Phi, the distribution function, is (1 + erf(x / sqrt(2))) / 2. Source: Hendrycks & Gimpel 2016, section 2.

    Args:
        x: any shape.
    """
    return x * (1 + torch.erf(x / math.sqrt(2))) / 2


class GELU(nn.Module):
    """``gelu``, exact."""

    def forward(self, x: Tensor) -> Tensor:
        return gelu(x)


class QuickGELU(nn.Module):
    """x * sigmoid(1.702 x), the coarser approximation of GELU (Hendrycks & Gimpel 2016, section 2)."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(1.702 * x)


class ClippedGELU(nn.Module):
    """The exact GELU, at most 10 (Wu et al. 2020, "Integer Quantization for Deep Learning Inference")."""

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(x).clamp(max=10)


OTHERS = {"gelu_10": ClippedGELU, "quick_gelu": QuickGELU, "relu": nn.ReLU, "silu": nn.SiLU, "swish": nn.SiLU}


def activation(hidden_act: str) -> nn.Module:
    """The activation of this name. GELU is exact, or approximated by tanh; the two differ by less than 0.0005."""
    if hidden_act in EXACT_GELU:
        return GELU()
    return nn.GELU(approximate="tanh") if hidden_act in TANH_GELU else OTHERS[hidden_act]()
