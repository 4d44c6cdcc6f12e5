"""Checks of GELU: beside the error function of Python's ``math``."""

import math
from types import ModuleType

import torch

from bert.exercises.checks.compare import require_equal, require_tensor


def check_the_function(module: ModuleType) -> None:
    x = torch.linspace(-4, 4, 161, dtype=torch.float64)
    phi = torch.tensor([(1 + math.erf(value / math.sqrt(2))) / 2 for value in x.tolist()], dtype=torch.float64)
    density = (-x.square() / 2).exp() / math.sqrt(2 * math.pi)
    tanh = x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2
    require_equal(require_tensor(module.gelu(x), "the result"), x * phi, "the result", {
        "this is the tanh approximation; BERT's GELU here is the exact one, with erf": tanh,
        "this is the approximation x * sigmoid(1.702 x); the exact one has erf": x * torch.sigmoid(1.702 * x),
        "this is ReLU; GELU weighs x by a probability": x.relu(),
        "erf takes x / sqrt(2), not x": x * (1 + torch.erf(x)) / 2,
        "Phi is half of 1 + erf(x / sqrt(2)): the half is left out": 2 * x * phi,
        "the 1 in Phi = (1 + erf(x / sqrt(2))) / 2 is left out": x * (2 * phi - 1) / 2,
        "this is Phi(x) alone; GELU is x * Phi(x)": phi,
        "this has the density in place of the distribution function Phi": x * density,
    }, tolerance=1e-7)  # fmt: skip


def check_any_shape(module: ModuleType) -> None:
    x = torch.randn(2, 3, 5)
    require_equal(module.gelu(x), torch.nn.functional.gelu(x), "the result for three axes")
