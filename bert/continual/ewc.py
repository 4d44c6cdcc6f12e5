"""Elastic weight consolidation (Kirkpatrick et al. 2017): weights that earlier tasks need change little.

    loss of the new task + lambda / 2 * sum over weights of F * (theta - theta*)^2

theta* are the weights before the new task. F says how much each weight counts: the diagonal of the Fisher information.
After each task its F is added to the earlier one, and theta* are the newest weights. So there is one penalty however
many tasks there were (Schwarz et al. 2018, "Progress & Compress", online EWC).
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from bert.checkpoints.weights import as_float32, read_safetensors, write_weights
from bert.errors import InputError
from bert.heads.loss import Loss

FISHER = "fisher.safetensors"
STRENGTH = 1e3  # lambda
EXAMPLES = 1_000  # for F


def squared_gradients(model: nn.Module, examples: Iterable[tuple[Callable[[], Tensor], float]]) -> dict[str, Tensor]:
    """The sum over examples of (d log p(y | x) / d theta)^2, for each parameter that is trained.

    Divided by the number of examples, it is the diagonal of the Fisher information. Two things must be right. The label
    y is drawn from the model's own p(y | x): with the true labels it would be another matrix, the empirical Fisher. And
    each example has a gradient of its own: in the gradient of a batch's mean, opposite signs cancel.

    Args:
        model: in evaluation mode, since dropout is no part of p.
        examples: for each a function that gives its scores (1, labels), and a random number from 0 to 1.
    """
    parameters = {name: each for name, each in model.named_parameters() if each.requires_grad}
    total = {name: torch.zeros_like(each) for name, each in parameters.items()}
    for scores, fraction in examples:
        log_p = scores().float().log_softmax(dim=-1)[0]
        cumulated = log_p.detach().exp().cumsum(0)
        drawn = (cumulated < fraction * cumulated[-1]).sum().clamp(max=len(log_p) - 1)
        gradients = torch.autograd.grad(log_p[drawn], list(parameters.values()), allow_unused=True)
        for name, gradient in zip(parameters, gradients):
            if gradient is not None:
                total[name] += gradient.square()
    return total


def added(earlier: Mapping[str, Tensor], new: Mapping[str, Tensor], decay: float) -> dict[str, Tensor]:
    """decay * earlier + new. A head that has grown has new rows, and the earlier F has none for them."""
    total = {name: each.clone() for name, each in new.items()}
    for name, each in earlier.items():
        total[name][: len(each)] += decay * each
    return total


class Penalty:
    """lambda / 2 * sum of F * (theta - theta*)^2, as a loss that counts once.

    The rows of new labels have no F, so they are free.

    Args:
        fisher: F by the names of parameters.
        before: theta* by the same names. It is copied.
        strength: lambda.
    """

    def __init__(self, fisher: Mapping[str, Tensor], before: Mapping[str, Tensor], strength: float):
        self.fisher, self.strength = dict(fisher), strength
        self.before = {name: before[name].detach()[: len(each)].clone() for name, each in fisher.items()}

    def __call__(self, model: nn.Module) -> Loss:
        """The penalty of the weights as they are."""
        parameters = dict(model.named_parameters())
        terms = [
            (each * (parameters[name][: len(each)] - self.before[name]).square()).sum()
            for name, each in self.fisher.items()
        ]
        total = self.strength / 2 * torch.stack(terms).sum()
        return Loss(total, torch.ones((), dtype=torch.int64, device=total.device), None)


def write_fisher(directory: str | Path, fisher: Mapping[str, Tensor]) -> None:
    """Writes F into a run's directory. theta* are the run's model."""
    write_weights(Path(directory), dict(fisher), FISHER)


def read_fisher(directory: str | Path, model: nn.Module) -> dict[str, Tensor] | None:
    """F of a run; None if it has none.

    Args:
        model: the run's, perhaps with a grown head.

    Raises:
        InputError: if the file is damaged or incomplete, or belongs to another model.
    """
    path = Path(directory) / FISHER
    if not path.exists():
        return None
    fisher = {name: as_float32(each, f"{path}: {name}") for name, each in read_safetensors(path).items()}
    parameters = dict(model.named_parameters())
    for name in sorted(parameters.keys() | fisher.keys()):
        expected, each = parameters.get(name), fisher.get(name)
        if expected is None or each is None or not _fits(each, expected, name.startswith("classifier.")):
            raise InputError(f"{path}: its {name} does not fit the run's model; put back what the run wrote")
    return fisher


def _fits(fisher: Tensor, parameter: Tensor, may_have_grown: bool) -> bool:
    """Whether F can be of a parameter. A head may have more rows now."""
    rows_fit = len(fisher) <= len(parameter) if may_have_grown else len(fisher) == len(parameter)
    return rows_fit and fisher.shape[1:] == parameter.shape[1:] and bool((fisher >= 0).all())
