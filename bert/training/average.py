"""``--average N``: a mean over about the last N updates is evaluated and saved, in place of the newest weights.

    average = average + (weights - average) / min(update, N)

The first N averages are plain means of the weights after each update. From then on this is an exponential moving
average. With each update, all older weights count 1 - 1/N as much as before. The initial weights do not count. So
nothing has to be corrected for them.

Why: while the learning rate is high, each update overshoots in some direction, and a mean lies between (Polyak &
Juditsky 1992; Izmailov et al. 2018, "Averaging Weights"). A rate that falls to 0 does much the same by itself. Training
goes on from the newest weights, whatever the average is.
"""

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from bert.training.sharding import own_share


class Average:
    """The average of a model's trained weights, in float32: a ``Companion``. Of shared-out weights, of each share.

    In fp16 an update whose gradients overflow is skipped. Its weights, which did not change, are averaged all the same:
    even the initial ones, if the first updates are skipped.

    Args:
        model: with its initial weights, shared out already if they are to be.
        updates: N.
    """

    def __init__(self, model: nn.Module, updates: int):
        self._updates = updates
        self._weights = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
        self.tensors = {name: weight.detach().clone() for name, weight in self._weights.items()}

    def begin(self, max_steps: int) -> None:
        """Has nothing to prepare."""

    def before_step(self) -> None:
        """Leaves the gradients as they are."""

    @torch.no_grad()
    def after_step(self, step: int) -> None:
        """Takes up the weights after update ``step``."""
        for average, weight in zip(*self._pairs(), strict=True):
            average.lerp_(weight, 1 / min(step, self._updates))

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Inside the block the model has the average's weights. After it, it has its own, bit for bit."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    @torch.no_grad()
    def _exchange(self) -> None:
        for average, weight in zip(*self._pairs(), strict=True):
            held = weight.clone()
            weight.copy_(average)
            average.copy_(held)

    def _pairs(self) -> tuple[list[Tensor], list[Tensor]]:
        """This process's shares of the averages and of the weights."""
        return [own_share(each) for each in self.tensors.values()], [own_share(each) for each in self._weights.values()]
