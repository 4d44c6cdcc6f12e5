"""Random numbers that are the same for every version of PyTorch and every processor, for tests of recorded numbers."""

import numpy as np
import torch
from torch import Tensor


def trunc_normal_(weight: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0) -> Tensor:
    """``nn.init.trunc_normal_``: PyTorch's was rewritten between 2.11 and 2.13, and draws other numbers."""
    if weight.is_meta:
        return weight
    generator = np.random.RandomState(int(torch.randint(2**31, ())))
    values = generator.standard_normal(weight.numel()) * std + mean
    while (outside := (values < a) | (values > b)).any():
        values[outside] = generator.standard_normal(outside.sum()) * std + mean
    with torch.no_grad():
        return weight.copy_(torch.from_numpy(values).reshape(weight.shape))


def dropout(states: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """``F.dropout``: PyTorch's draws with MKL, if there is one."""
    return torch.where(torch.rand(states.shape) >= p, states / (1 - p), 0.0) if training and p > 0 else states


def draw_alike(monkeypatch) -> None:
    """Puts both in place of PyTorch's."""
    monkeypatch.setattr("torch.nn.init.trunc_normal_", trunc_normal_)
    monkeypatch.setattr("torch.nn.functional.dropout", dropout)
