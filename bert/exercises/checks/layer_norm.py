"""Checks of LayerNorm: beside PyTorch's, in float64."""

from types import ModuleType

import torch
from torch import Tensor
from torch.nn import functional as F

from bert.exercises.checks.compare import require_equal, require_tensor

EPS = 1e-3


def check_the_equation(module: ModuleType) -> None:
    states, weight, bias = _inputs(5, 7)
    centered = states - states.mean(-1, keepdim=True)
    variance = states.var(-1, keepdim=True, unbiased=False)
    unbiased = states.var(-1, keepdim=True)
    normal = centered / (variance + EPS).sqrt()
    over_tokens = (states - states.mean(0)) / (states.var(0, unbiased=False) + EPS).sqrt()
    over_all = (states - states.mean()) / (states.var(unbiased=False) + EPS).sqrt()
    found = require_tensor(module.layer_norm(states, weight, bias, EPS), "the result")
    require_equal(found, F.layer_norm(states, (7,), weight, bias, EPS), "the result", {
        "mean and variance are over the tokens, the first axis; each token has its own, over the last axis":
            weight * over_tokens + bias,
        "mean and variance are over all numbers; each token has its own, over the last axis": weight * over_all + bias,
        "the variance is divided by hidden_size - 1; LayerNorm divides by hidden_size (unbiased=False)":
            weight * centered / (unbiased + EPS).sqrt() + bias,
        "the mean is not subtracted": weight * states / (variance + EPS).sqrt() + bias,
        "the states are divided by the variance, not by its square root": weight * centered / (variance + EPS) + bias,
        "the states are not divided by the standard deviation": weight * centered + bias,
        "eps is added after the square root; it belongs under the root": weight * centered / (variance.sqrt() + EPS)
            + bias,
        "eps is left out, or always as small as 1e-12": weight * centered / variance.sqrt() + bias,
        "eps is always 1e-5; it is an argument": weight * centered / (variance + 1e-5).sqrt() + bias,
        "the bias is left out": weight * normal,
        "the weight is left out": normal + bias,
        "weight and bias are left out": normal,
        "the bias is added before the weight multiplies": weight * (normal + bias),
    }, tolerance=1e-7)  # fmt: skip


def check_any_number_of_axes(module: ModuleType) -> None:
    states, weight, bias = _inputs(2, 3, 5)
    found = module.layer_norm(states, weight, bias, EPS)
    require_equal(found, F.layer_norm(states, (5,), weight, bias, EPS), "the result for states of three axes")


def check_the_gradient(module: ModuleType) -> None:
    states, weight, bias = _inputs(3, 5)
    factors = torch.linspace(-1, 1, 15, dtype=torch.float64).view(3, 5)
    gradients = []
    for function in (module.layer_norm, lambda states, *others: F.layer_norm(states, (5,), *others)):
        inputs = [each.clone().requires_grad_() for each in (states, weight, bias)]
        gradients.append(torch.autograd.grad((function(*inputs, EPS) * factors).sum(), inputs))
    for name, found, expected in zip(("the states", "the weight", "the bias"), *gradients):
        require_equal(found, expected, f"the gradient of {name}", {
            "the gradient does not go through mean and variance: is one of them detached?":
                weight * factors / (states.var(-1, keepdim=True, unbiased=False) + EPS).sqrt(),
        })  # fmt: skip


def _inputs(*shape: int) -> tuple[Tensor, Tensor, Tensor]:
    return (
        3 * torch.randn(shape, dtype=torch.float64) + 2,
        torch.randn(shape[-1], dtype=torch.float64),
        torch.randn(shape[-1], dtype=torch.float64),
    )
