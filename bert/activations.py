"""The activations that a configuration can name (``hidden_act``). BERT's own is GELU (Hendrycks & Gimpel 2016).

The names, and what each computes, are those of transformers (``activations.py``, ``ACT2FN``).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bert.config import EXACT_GELU, TANH_GELU


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
    if hidden_act in EXACT_GELU + TANH_GELU:
        return nn.GELU(approximate="tanh" if hidden_act in TANH_GELU else "none")
    return OTHERS[hidden_act]()
