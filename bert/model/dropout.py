"""Dropout (Srivastava et al. 2014): some numbers become 0, and the others grow so that the mean stays."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LEVELS = 2**16  # how finely ``quick_dropout`` can choose its probability


def dropout(states: Tensor, probability: float) -> Tensor:
    """``states`` with each number dropped with ``probability``, and the others divided by the rest of it.

    On the CPU PyTorch's own draws a random number for every element, one by one: half as long as a whole feed-forward
    layer takes. There ``quick_dropout`` does the same from a quarter of the random numbers.
    """
    if probability == 0:
        return states
    if states.device.type != "cpu" or torch.compiler.is_compiling():
        return F.dropout(states, probability)
    return quick_dropout(states, probability)


def quick_dropout(states: Tensor, probability: float) -> Tensor:
    """Dropout with 16 random bits per element: one 64-bit random number decides four of them.

    The probability is rounded to a multiple of 1/65,536, and what is kept is divided by just what it is kept with, so
    that the mean stays exactly. Random numbers come from PyTorch's default generator.
    """
    kept_levels = LEVELS - round(probability * LEVELS)
    if kept_levels == 0:
        return torch.zeros_like(states)
    if kept_levels == LEVELS:  # its bound would be no 16-bit number
        return states
    numbers = torch.empty((states.numel() + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
    levels = numbers.view(torch.int16)[: states.numel()].view(states.shape)  # from -32,768 to 32,767
    # torch.where remembers for the backward pass which were kept, in a byte each, and nothing else.
    return torch.where(levels < kept_levels - LEVELS // 2, states, 0.0).mul_(LEVELS / kept_levels)


class Dropout(nn.Module):
    """``dropout`` while the model trains, and nothing otherwise."""

    def __init__(self, probability: float):
        super().__init__()
        self.probability = probability

    def forward(self, states: Tensor) -> Tensor:
        """Any shape -> the same shape."""
        return dropout(states, self.probability) if self.training else states

    def extra_repr(self) -> str:
        return f"probability={self.probability}"
