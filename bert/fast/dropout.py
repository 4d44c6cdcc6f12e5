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
    return LevelDropout.apply(states, kept_levels)


class LevelDropout(torch.autograd.Function):
    """Keeps the numbers whose level is low enough. The backward pass compares again: 2 bytes are kept for each number.

    A comparison may write 0 or 1 as a float. PyTorch does that, and multiplies by it, several times sooner than it
    fills in zeros by a boolean mask.
    """

    @staticmethod
    def forward(ctx, states: Tensor, kept_levels: int) -> Tensor:
        numbers = torch.empty((states.numel() + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
        levels = numbers.view(torch.int16)[: states.numel()].view(states.shape)  # from -32,768 to 32,767
        ctx.save_for_backward(levels)
        ctx.kept_levels = kept_levels
        return states * _factors(levels, kept_levels, states.dtype)

    @staticmethod
    def backward(ctx, *gradients: Tensor):
        (levels,) = ctx.saved_tensors
        return gradients[0] * _factors(levels, ctx.kept_levels, gradients[0].dtype), None


def _factors(levels: Tensor, kept_levels: int, dtype: torch.dtype) -> Tensor:
    """0 for what is dropped, and what keeps the mean for the others."""
    kept = torch.lt(levels, kept_levels - LEVELS // 2, out=torch.empty(levels.shape, dtype=dtype))
    return kept.mul_(LEVELS / kept_levels)
