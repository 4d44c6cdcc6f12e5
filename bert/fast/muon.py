"""Muon's matrices of one shape orthogonalized together."""

import torch
from torch import Tensor

LARGEST_ON_CPU = 128  # rows: a product of larger matrices keeps a CPU busy by itself


def in_batches(matrices: list[Tensor], iterations: list[tuple[float, float, float]]) -> list[Tensor]:
    """``bert.training.muon.orthogonalized`` with a product for all matrices of a shape, and sums inside products."""
    if not matrices[0].is_cuda and max(min(matrix.shape) for matrix in matrices) > LARGEST_ON_CPU:
        return NotImplemented
    wide = [matrix.mT if matrix.shape[0] > matrix.shape[1] else matrix for matrix in matrices]
    results: dict[int, Tensor] = {}
    for shape in dict.fromkeys(matrix.shape for matrix in wide):
        indices = [index for index, matrix in enumerate(wide) if matrix.shape == shape]
        x = torch.stack([wide[index] for index in indices])
        x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
        for a, b, c in iterations:
            gram = x @ x.mT
            x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
        results.update(zip(indices, x, strict=True))
    return [
        results[index].mT if matrix.shape[0] > matrix.shape[1] else results[index]
        for index, matrix in enumerate(matrices)
    ]
