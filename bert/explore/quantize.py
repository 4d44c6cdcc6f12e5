"""Weights in 8 bits: each row of a matrix as whole numbers and one scale.

    row               0.30   -0.11   0.05
    scale             0.30 / 127
    whole numbers     127     -47     21          0.30   -0.111   0.0496

A row of its own scale loses less than a matrix of one scale would: embeddings of rare pieces are small. A vector, such
as a bias, stays as it is, since all vectors together take little room.
"""

import torch
from torch import Tensor

EIGHT_BITS = 127
# A replay has ten models. Smaller numbers are shorter once they are compressed: about 6 bits each.
OF_A_REPLAY = 40


def quantize(matrix: Tensor, largest: int = EIGHT_BITS) -> tuple[Tensor, Tensor]:
    """A matrix as whole numbers from -largest to largest, and the scale of each row.

    Args:
        matrix: (rows, columns) float32

    Returns:
        (rows, columns) int8, and (rows,) float32. A row of zeros has the scale 0.
    """
    scales = matrix.abs().amax(dim=1) / largest
    whole = (matrix / scales.clamp_min(torch.finfo(torch.float32).tiny)[:, None]).round()
    return whole.clamp(-largest, largest).to(torch.int8), scales


def dequantize(whole: Tensor, scales: Tensor) -> Tensor:
    """The matrix that the page computes with: (rows, columns) int8 and (rows,) -> (rows, columns) float32."""
    return whole * scales[:, None]


def rounded(weights: dict[str, Tensor], largest: int = EIGHT_BITS) -> dict[str, Tensor]:
    """A model's weights as they are in the page, to be compared with or loaded into PyTorch."""
    return {
        name: dequantize(*quantize(weight, largest)) if weight.dim() == 2 else weight
        for name, weight in weights.items()
    }
