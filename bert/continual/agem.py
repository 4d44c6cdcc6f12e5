"""A-GEM (Chaudhry et al. 2019, "Efficient Lifelong Learning with A-GEM"): no update may raise the loss of old examples.

At each update, a batch of kept examples has a gradient too, g_ref. If the update's gradient g points against it, the
part of g that does is taken away:

    if g . g_ref < 0:    g <- g - (g . g_ref) / (g_ref . g_ref) * g_ref
"""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor, nn

from bert.continual.replay import drawn
from bert.heads.batch import Batch
from bert.training.distributed import Processes
from bert.training.precision import Precision

_ORDER = 702  # names the random order of memory batches


def projected(gradients: list[Tensor], reference: list[Tensor]) -> list[Tensor]:
    """g without its part against g_ref; g itself if there is none. Nothing synchronises. Source: equation 11.

    Args:
        gradients, reference: of the same parameters, which together are one long vector.
    """
    dot = torch.stack([(g * r).sum() for g, r in zip(gradients, reference, strict=True)]).sum()
    square = torch.stack([r.square().sum() for r in reference]).sum()
    factor = torch.where(dot < 0, dot / square, torch.zeros_like(dot))
    return [g - factor * r for g, r in zip(gradients, reference)]


class Projection:
    """Projects the gradients of each update. It is a companion of a run (``bert.training.companion``).

    g is the whole update's gradient, over all micro-batches and processes. Every process computes g_ref from the same
    memory batch, without dropout, so all of them project alike.

    Args:
        model: its ``losses`` takes a batch.
        make_batch: the batch of old rows of these indices.
        old_rows: how many there are.
        batch_size: of a memory batch.
        seed: names the order in which they come.
    """

    def __init__(
        self, model: nn.Module, make_batch: Callable[[np.ndarray], Batch], old_rows: int, batch_size: int, seed: int,
        precision: Precision, processes: Processes,
    ):  # fmt: skip
        self.model, self.make_batch, self.old_rows, self.seed = model, make_batch, old_rows, seed
        self.size, self.precision, self.processes = min(batch_size, old_rows), precision, processes
        self.updates = torch.zeros(1, dtype=torch.int64)  # that were made

    @property
    def tensors(self) -> Mapping[str, Tensor]:
        """The number of updates, by which a resumed run draws the next memory batch."""
        return {"updates": self.updates}

    def begin(self, max_steps: int) -> None:
        """Nothing: a run may have any length."""

    def before_step(self) -> None:
        """Projects the gradients, in place."""
        trained = [each for each in self.model.parameters() if each.grad is not None]
        reference = self.reference(trained)
        gradients: list[Tensor] = [each.grad for each in trained if each.grad is not None]
        for gradient, new in zip(gradients, projected(gradients, reference)):
            gradient.copy_(new)

    def after_step(self, step: int) -> None:
        """Counts the update."""
        self.updates.fill_(step)

    def reference(self, parameters: list[nn.Parameter]) -> list[Tensor]:
        """g_ref of the next memory batch, for each parameter."""
        rows = drawn(int(self.updates) * self.size, self.size, self.old_rows, self.seed, _ORDER)
        was_training = self.model.training
        self.model.eval()
        with self.precision.autocast():
            losses = self.model.losses(self.make_batch(rows).to(self.processes.device))  # pyright: ignore
            loss = torch.stack([each.sum / each.count for each in losses.values()]).sum()
        found = torch.autograd.grad(loss, parameters, allow_unused=True)
        self.model.train(was_training)
        return [torch.zeros_like(each) if own is None else own for each, own in zip(parameters, found)]
