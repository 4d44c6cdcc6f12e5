"""Two learning rates: a low one for weights from a checkpoint, the full one for new weights."""

from collections.abc import Callable

import torch
from torch import nn


def slow_down(
    optimizer: torch.optim.Optimizer, model: nn.Module, is_taken_over: Callable[[str], bool], factor: float
) -> None:
    """Lets the weights of a checkpoint learn at ``factor`` times the rate of the others, in place.

    New weights are far from their place, and a checkpoint's are near it. One rate is too low for the first, or destroys
    the second. So each group of the optimizer becomes two, each with its ``learning_rate_factor``. The training loop
    multiplies the scheduled rate by it. Source: Liu and Lapata 2019, "Text Summarization with Pretrained Encoders",
    section 3.3. They have an optimizer for each.

    Args:
        optimizer: has made no update yet.
        is_taken_over: says it of a parameter, by its name.
    """
    slow = {id(parameter) for name, parameter in model.named_parameters() if is_taken_over(name)}
    groups = []
    for group in optimizer.param_groups:
        rate = group.get("learning_rate_factor", 1.0)
        for is_slow in (True, False):
            parameters = [parameter for parameter in group["params"] if (id(parameter) in slow) == is_slow]
            if parameters:
                its_rate = rate * factor if is_slow else rate
                groups.append({**group, "params": parameters, "learning_rate_factor": its_rate})
    optimizer.param_groups[:] = groups
