"""BERT's AdamW in one kernel."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def fused_update(
    parameters: Sequence[Tensor], gradients: Sequence[Tensor], m: Sequence[Tensor], v: Sequence[Tensor],
    group: dict[str, Any], found_inf: Tensor | None = None,
) -> None:  # fmt: skip
    """``bert.training.optimizer.update`` in one pass over the memory.

    The kernel is torch's AdamW. We tell it that 1e9 steps have passed: then its bias corrections, 1 - beta ** step, are
    1. If found_inf is 1, it changes nothing.
    """
    long_ago = torch.full((), 1e9, device=parameters[0].device)
    torch._fused_adamw_(
        parameters, gradients, m, v, [], [long_ago] * len(parameters), amsgrad=False, lr=group["lr"],
        beta1=group["betas"][0], beta2=group["betas"][1], weight_decay=group["weight_decay"], eps=group["eps"],
        maximize=False, grad_scale=None, found_inf=found_inf,
    )  # fmt: skip
