"""Running a model over a set of examples, each process over its share, and the mean of a loss."""

import math
from collections.abc import Callable, Iterable, Sequence

from torch import nn

from bert.heads.loss import Loss
from bert.training.distributed import Processes
from bert.training.precision import Precision


def in_shares(
    compute: Callable[[Sequence], Iterable], inputs: Sequence, model: nn.Module, precision: Precision,
    processes: Processes,
) -> list:  # fmt: skip
    """What ``compute`` makes of the inputs: an item for each, in their order, the same in every process.

    Args:
        compute: takes inputs and gives an item for each; it may leave ``model`` in evaluation mode.
    """
    was_training = model.training
    with precision.autocast():
        mine = compute(inputs[processes.rank :: processes.world_size])
    model.train(was_training)
    items = [None] * len(inputs)
    for rank, share in enumerate(processes.gather(mine)):
        items[rank :: processes.world_size] = share
    return items


def mean_of(name: str, loss: Loss) -> dict[str, float]:
    """A loss, and its accuracy where it has one, by the names that the log has for them; NaN where nothing counted."""
    count = int(loss.count)
    means = {f"{name}_loss": float(loss.sum) / count if count else math.nan}
    if loss.correct is not None:
        means[f"{name}_accuracy"] = int(loss.correct) / count if count else math.nan
    return means
