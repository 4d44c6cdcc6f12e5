"""Checks of AdamW's update: three updates beside the equations in NumPy."""

from types import ModuleType
from typing import Any

import numpy as np
import torch

from bert.exercises.checks.compare import require, require_equal

GROUP: dict[str, Any] = {"lr": 0.1, "betas": (0.8, 0.95), "eps": 0.03, "weight_decay": 0.3}
UPDATES = 3


def check_the_update(module: ModuleType) -> None:
    start, gradients = _numbers()
    group = dict(GROUP)  # as the optimizer keeps it
    parameter, m, v = torch.tensor(start), torch.zeros(len(start)).double(), torch.zeros(len(start)).double()
    for update in range(UPDATES):
        with torch.no_grad():
            module.update([parameter], [torch.tensor(gradients[update])], [m], [v], group)
        if update == 0:
            _check_averages(m.numpy(), v.numpy(), start, gradients[0])
            require(
                not np.array_equal(parameter.numpy(), start),
                "the parameters stay as they are: change them in place, for example with parameter.sub_(...)",
            )
    mistakes = {
        "m and v are divided by 1 - beta ** step, as in Adam; BERT's AdamW has no bias correction": {"corrects": True},
        "weight_decay is not multiplied by the learning rate": {"decay": 0.3 / 0.1},
        "weight_decay is left out": {"decay": 0.0},
        "the decay makes the parameters larger: its sign is wrong": {"decay": -0.3},
        "the parameters go up the gradient: the sign of the update is wrong": {"sign": -1},
        "eps is under the square root; it is added after it": {"eps_inside": True},
        "eps is left out": {"eps": 0.0},
        "m is divided by v, not by its square root": {"root": False},
        "the update has the gradient in place of m": {"momentum": False},
    }
    require_equal(
        parameter.numpy(), _updated(start, gradients), f"a parameter after {UPDATES} updates",
        {sentence: _updated(start, gradients, **change) for sentence, change in mistakes.items()}, tolerance=1e-7,
    )  # fmt: skip


def check_several_parameters(module: ModuleType) -> None:
    start, gradients = _numbers()
    parameters = [torch.tensor(start), torch.tensor(start[:2])]
    m, v = ([torch.zeros_like(each) for each in parameters] for _ in range(2))
    with torch.no_grad():
        module.update(parameters, [torch.tensor(gradients[0]), torch.tensor(gradients[1][:2])], m, v, dict(GROUP))
    require_equal(parameters[0].numpy(), _updated(start, gradients[:1]), "the first of two parameters")
    require_equal(parameters[1].numpy(), _updated(start[:2], gradients[1:2, :2]), "the second of two parameters", {
        "the second of two parameters stays as it is: the lists have several tensors": start[:2],
    })  # fmt: skip


def _check_averages(m: np.ndarray, v: np.ndarray, parameter: np.ndarray, gradient: np.ndarray) -> None:
    beta1, beta2 = GROUP["betas"]
    changes_nothing = "is not changed in place: m and v are kept for the next update"
    require_equal(m, (1 - beta1) * gradient, "m after an update", {
        f"m {changes_nothing}": 0 * gradient,
        "m is beta1 times the gradient at first; the gradient's share is 1 - beta1": beta1 * gradient,
        "m has the second beta; the first one is for m": (1 - beta2) * gradient,
        "m grows by the whole gradient; the gradient's share is 1 - beta1": gradient,
        "the decay is added to the gradient (L2); it must be decoupled: beside m / (sqrt(v) + eps)":
            (1 - beta1) * (gradient + GROUP["weight_decay"] * parameter),
    }, tolerance=1e-7)  # fmt: skip
    require_equal(v, (1 - beta2) * gradient**2, "v after an update", {
        f"v {changes_nothing}": 0 * gradient,
        "v is an average of gradients; it must be of their squares": (1 - beta2) * gradient,
        "v has the first beta; the second one is for v": (1 - beta1) * gradient**2,
        "v is beta2 times the square at first; the square's share is 1 - beta2": beta2 * gradient**2,
        "v is the square of an average; it must be an average of squares": ((1 - beta2) * gradient) ** 2,
    }, tolerance=1e-7)  # fmt: skip


def _numbers() -> tuple[np.ndarray, np.ndarray]:
    """Parameters (4,) and their gradients at each update (updates, 4), in float64."""
    generator = np.random.default_rng(1)
    return generator.normal(size=4), generator.normal(size=(UPDATES, 4))


def _updated(
    parameter: np.ndarray, gradients: np.ndarray, decay: float = GROUP["weight_decay"], eps: float = GROUP["eps"],
    sign: int = 1, corrects: bool = False, eps_inside: bool = False, root: bool = True,
    momentum: bool = True,
) -> np.ndarray:  # fmt: skip
    """The parameters after an update with each gradient: the equations, or a typical mistake."""
    beta1, beta2 = GROUP["betas"]
    m, v = np.zeros_like(parameter), np.zeros_like(parameter)
    for step, gradient in enumerate(gradients, 1):
        m = beta1 * m + (1 - beta1) * gradient
        v = beta2 * v + (1 - beta2) * gradient**2
        m_now, v_now = (m / (1 - beta1**step), v / (1 - beta2**step)) if corrects else (m, v)
        power = 0.5 if root else 1
        divisor = (v_now + eps) ** power if eps_inside else v_now**power + eps
        change = sign * (m_now if momentum else gradient) / divisor
        parameter = parameter - GROUP["lr"] * (change + decay * parameter)
    return parameter
