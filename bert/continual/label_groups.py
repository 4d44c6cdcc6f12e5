"""The labels of tasks that were learned one after another, and the head that grows with them.

    labels of task 1      labels of task 2
    positive negative     true false             the head's outputs, in the order in which they came

The same name is the same label. There are two ways to predict, and their scores differ much:

    task unknown    one softmax over all labels
    task known      a softmax over the labels of the example's own task; the other scores become minus infinity
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

HEAD = "classifier"


@dataclass(frozen=True)
class LabelGroups:
    """The labels of a sequence of tasks."""

    labels: tuple[str, ...]  # in the order of the model's outputs
    groups: tuple[tuple[str, ...], ...]  # the labels of each task; tasks may share labels

    def extended(self, found: Sequence[str]) -> "LabelGroups":
        """The labels with one more task. Its new labels come last.

        >>> LabelGroups(("good", "bad"), (("good", "bad"),)).extended(["bad", "ugly"]).labels
        ('good', 'bad', 'ugly')
        """
        new = [label for label in found if label not in self.labels]
        return LabelGroups((*self.labels, *new), (*self.groups, tuple(found)))

    def own(self) -> np.ndarray:
        """(tasks, labels) bool: whether a label is one of the task's own."""
        return np.array([[label in group for label in self.labels] for group in self.groups])

    def task_of(self, label: str) -> int:
        """The first task that has a label."""
        return next(number for number, group in enumerate(self.groups) if label in group)


def scores_of_own_task(logits: Tensor, own: Tensor) -> Tensor:
    """(batch, labels) scores, in which the labels of other tasks have no chance.

    Args:
        own: (batch, labels) bool, whether a label belongs to the example's task.
    """
    return logits.masked_fill(~own, -math.inf)


@torch.no_grad()
def load_into_larger_head(model: nn.Module, weights: dict[str, Tensor]) -> None:
    """Loads the weights of a model with fewer labels, in place. The rows of the new labels stay as they are.

    Args:
        weights: of the smaller model. Its labels are the first ones of ``model``.
    """
    untrained, grown = model.state_dict(), dict(weights)
    for name in (f"{HEAD}.weight", f"{HEAD}.bias"):
        grown[name] = torch.cat([weights[name], untrained[name][len(weights[name]) :]])
    model.load_state_dict(grown)
