"""Dropout on the CPU from a quarter of the random numbers.

PyTorch draws a random number for every element, one by one. That takes half as long as a whole feed-forward layer.
"""

import torch
from torch import Tensor

LEVELS = 2**16  # how finely ``quick_dropout`` can choose its probability


def dropout(states: Tensor, probability: float) -> Tensor:
    """``bert.model.dropout.dropout``, on the CPU."""
    if probability == 0:
        return states
    if states.device.type != "cpu" or torch.compiler.is_compiling():
        return NotImplemented
    return quick_dropout(states, probability)


def quick_dropout(states: Tensor, probability: float) -> Tensor:
    """Dropout with 16 random bits per element: one 64-bit random number decides four elements.

    The probability is rounded to a multiple of 1/65,536. What is kept is divided by exactly the probability of being
    kept, so the mean stays. Random numbers come from PyTorch's default generator.
    """
    kept_levels = LEVELS - round(probability * LEVELS)
    if kept_levels == 0:
        return torch.zeros_like(states)
    if kept_levels == LEVELS:  # its bound would be no 16-bit number
        return states
    numbers = torch.empty((states.numel() + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
    levels = numbers.view(torch.int16)[: states.numel()].view(states.shape)  # from -32,768 to 32,767
    # For the backward pass torch.where keeps which were kept, in a byte each, and nothing else.
    return torch.where(levels < kept_levels - LEVELS // 2, states, 0.0).mul_(LEVELS / kept_levels)
