"""A matrix in 8 bits: each row as whole numbers and one scale.

    row               0.30   -0.11   0.05
    scale             0.30 / 127
    whole numbers     127     -47     21          0.30   -0.111   0.0496

A row of its own scale loses less than a matrix of one scale would. A row of a weight belongs to one output, and rows of
different outputs differ in size. A row of states is a token, and no other token of the batch changes its numbers.
"""

import torch
from torch import Tensor

EIGHT_BITS = 127


def quantize_rows(matrix: Tensor, largest: int = EIGHT_BITS) -> tuple[Tensor, Tensor]:
    """A matrix as whole numbers from -largest to largest, and the scale of each row.

    Args:
        matrix: (..., columns) float32, such as (rows, columns)

    Returns:
        (..., columns) int8, and (...) float32. A row of zeros has the scale 0.
    """
    scales = torch.maximum(matrix.amax(dim=-1), -matrix.amin(dim=-1)) / largest
    whole = matrix * scales.clamp_min(torch.finfo(torch.float32).tiny).reciprocal().unsqueeze(-1)
    return whole.round_().to(torch.int8), scales


def dequantize_rows(whole: Tensor, scales: Tensor) -> Tensor:
    """The matrix that the whole numbers stand for: (..., columns) int8 and (...) -> (..., columns) float32."""
    return whole * scales.unsqueeze(-1)
