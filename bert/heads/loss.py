"""A loss is a sum and a count: whoever adds up micro-batches and processes divides once, at the end.

The mean of two means is not the mean of all as soon as the counts differ, and they do differ: one batch has 71
masked tokens, the next 68.
"""

from typing import NamedTuple

from torch import Tensor
from torch.nn import functional as F


class Loss(NamedTuple):
    """A loss added up over labels.

    sum: () float32, nats, with gradient.
    count: () integer, how many labels went into it.
    correct: () integer, how many of them had the highest score.
    """

    sum: Tensor
    count: Tensor
    correct: Tensor


def cross_entropy(logits: Tensor, labels: Tensor) -> Loss:
    """The negative log-likelihood of ``labels`` under softmax(``logits``), added up, in float32.

    Args:
        logits: (count, classes) of any float type.
        labels: (count,) integers below classes. None at all gives a sum and a count of 0.
    """
    total = F.cross_entropy(logits.float(), labels, reduction="sum")
    correct = (logits.detach().argmax(dim=-1) == labels).sum()
    return Loss(total, labels.new_tensor(labels.numel()), correct)
