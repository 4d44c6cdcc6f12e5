"""The losses as sums over labels, against the equations; and the gradient of cross-entropy."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from bert import fast
from bert.heads.loss import (
    IGNORE_INDEX,
    Loss,
    binary_cross_entropy,
    cross_entropy,
    smooth_labels,
    squared_error,
    vocabulary_cross_entropy,
)
from bert.selftest.equations import losses as equations
from bert.selftest.rows import SINGLE, Row, check, largest_of

FILE = "bert/heads/loss.py"
COUNT, CLASSES, SIZE = 11, 17, 7
SMOOTHING = 0.1


def loss_rows(device: torch.device) -> Iterator[Row]:
    """The rows of the losses. All are in float32."""
    random = np.random.default_rng(0)
    states, table, bias = random.normal(size=(COUNT, SIZE)), random.normal(size=(CLASSES, SIZE)), np.arange(CLASSES) / 9
    labels = random.integers(0, CLASSES, COUNT)
    labels[3:5] = IGNORE_INDEX
    scores = states @ table.T + bias
    numbers, yes = random.normal(size=COUNT), random.integers(0, 2, (COUNT, CLASSES))

    def tensor(values: np.ndarray) -> Tensor:
        made = torch.from_numpy(values)
        return (made.float() if made.is_floating_point() else made).to(device)

    def error(loss: Callable[[], Loss], total: float, count: int) -> float:
        with fast.off():
            found = loss()
        return largest_of([(found.sum, total), (found.count, count)])

    def gradient_error() -> float:
        inputs = tensor(scores).requires_grad_()
        (found,) = torch.autograd.grad(cross_entropy(inputs, tensor(labels)).sum, inputs)
        return largest_of([(found, equations.cross_entropy_gradient(scores, labels))])

    head = tensor(states), tensor(table), tensor(bias), tensor(labels)
    total, count = equations.cross_entropy(scores, labels)
    smoothed = equations.smoothed_cross_entropy(scores, labels, SMOOTHING)
    cases: dict[str, tuple[Callable[[], Loss], float, int]] = {
        "cross-entropy": (lambda: cross_entropy(tensor(scores), tensor(labels)), total, count),
        "cross-entropy over the vocabulary": (lambda: vocabulary_cross_entropy(*head), total, count),
        "smoothed labels": (
            lambda: smooth_labels(vocabulary_cross_entropy(*head), *head, SMOOTHING),
            smoothed,
            count,
        ),
        "binary cross-entropy": (
            lambda: binary_cross_entropy(tensor(scores), tensor(yes)),
            equations.binary_cross_entropy(scores, yes),
            yes.size,
        ),
        "squared error": (
            lambda: squared_error(tensor(numbers), tensor(numbers**2)),
            equations.squared_error(numbers, numbers**2),
            COUNT,
        ),
    }
    for name, (loss, its_total, its_count) in cases.items():
        yield check(name, FILE, SINGLE, lambda loss=loss, total=its_total, count=its_count: error(loss, total, count))
    yield check("gradient of cross-entropy", FILE, SINGLE, gradient_error)
