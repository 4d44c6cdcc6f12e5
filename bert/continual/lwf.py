"""Learning without forgetting (Li & Hoiem 2016): on the new texts, the old labels keep the scores that they had.

The teacher is the model before the new task. It needs no old example. Its scores for the new texts are computed once.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from bert.heads.loss import Loss, distillation

WEIGHT = 1.0  # lambda_o in the paper


def lwf_loss(
    logits: Tensor, old_scores: Tensor, groups: Sequence[Sequence[int]], temperature: float, weight: float
) -> Loss:
    """weight * KL(softmax(old scores / temperature) || softmax(scores / temperature)), added up.

    Its gradient is the one of the paper's cross-entropy (equation 2), which differs by the teacher's entropy. There is
    no factor of temperature squared, as in the paper.

    Args:
        logits: (batch, labels). Old labels come first.
        old_scores: (batch, old labels), of the teacher.
        groups: the old labels' indices. If tasks are known, they are a group for each task, with a softmax of its own,
            and the losses of the groups add up. Otherwise they are one group.
    """
    losses = [distillation(logits[:, group], old_scores[:, group], temperature).sum for group in groups]
    total = weight / temperature**2 * torch.stack(losses).sum()
    return Loss(total, torch.full((), len(logits), device=logits.device), None)
