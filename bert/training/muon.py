"""Muon for the matrices of the layers, and AdamW for everything else.

The momentum of a matrix has a few large singular values and many small ones: U S V^T. So updates go in few directions,
again and again. Muon (Jordan et al. 2024) puts U V^T in its place: all directions count alike.

    m      = 0.95 m + 0.05 gradient                          momentum
    d      = 0.95 m + 0.05 gradient                          one step ahead (Nesterov)
    update = 0.2 sqrt(max(rows, columns)) orthogonalized(d)
    weight = weight - lr * (update + weight_decay * weight)

An orthogonal matrix has numbers of size 1 / sqrt(max(rows, columns)). An update of AdamW has numbers of about 0.2. So
with the factor one learning rate and one weight decay serve both (Liu et al. 2025, arXiv 2502.16982, section 2.2).
"""

import math
from typing import Any, cast

import torch
from torch import Tensor, nn

from bert import fast
from bert.errors import InputError
from bert.model.encoder import EncoderLayer
from bert.training.optimizer import WEIGHT_DECAY, BertAdamW, parameter_groups
from bert.training.sharding import own_share, share_of, whole

MOMENTUM = 0.95
ITERATIONS = [(3.4445, -4.7750, 2.0315)] * 5  # the coefficients of x, x^3 and x^5 in each (Jordan et al. 2024)
AT_ONCE = 24  # matrices: those of four layers. More would need more memory, also of a process that has a share
TINY = 1e-7  # beside a matrix's norm, by which it is divided: then a matrix of zeros stays one
LIKE_ADAMW = 0.2  # the usual size of a number in an update of AdamW


class Muon(BertAdamW):
    """BERT's AdamW, whose groups with ``"orthogonal": True`` get Muon's updates. ``muon_groups`` makes these groups.

    Of a matrix it keeps the momentum alone. AdamW keeps two averages.

    Args:
        dtype: of the products in ``orthogonalized``. 16 bits suffice: their errors are smaller than what five
            iterations leave. fp16 has no numbers below 6e-8, so matrices get the norm 1 before they become fp16.
    """

    def __init__(self, groups: list[dict[str, Any]], lr: float, dtype: torch.dtype = torch.float32):
        super().__init__(groups, lr)
        self.dtype = dtype

    @property
    def _step_supports_amp_scaling(self) -> bool:
        """GradScaler finds out whether fp16's gradients overflowed, before it calls ``step``."""
        return False

    def update_group(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        """Updates the parameters of a group, in place. If they are sharded, it gathers their momentum."""
        if not group.get("orthogonal"):
            return super().update_group(parameters, group)
        for start in range(0, len(parameters), AT_ONCE):
            some, directions = parameters[start : start + AT_ONCE], []
            for parameter, momentum in zip(some, *self.kept(some, "momentum"), strict=True):
                gradient = cast(Tensor, parameter.grad)
                own_share(momentum).lerp_(own_share(gradient), 1 - MOMENTUM)
                direction = gradient.lerp(momentum, MOMENTUM)
                if self.dtype == torch.float16:
                    direction = direction / (direction.norm() + TINY)
                directions.append(whole(direction.to(self.dtype)))
            for parameter, update in zip(some, orthogonalized(directions, ITERATIONS), strict=True):
                size = LIKE_ADAMW * math.sqrt(max(parameter.shape))
                own_share(parameter).mul_(1 - group["lr"] * group["weight_decay"])
                own_share(parameter).add_(share_of(update, parameter), alpha=-group["lr"] * size)


def muon_groups(model: nn.Module, weight_decay: float = WEIGHT_DECAY) -> list[dict[str, Any]]:
    """``parameter_groups``, with the matrices of the layers in a group of their own, the first one.

    These are the dense layers of attention and of the feed-forward network. Embeddings, heads, biases and LayerNorms
    stay with AdamW: each row of an embedding is learned by itself, and a vector has one singular value. Adapters stay
    with AdamW, too. The two factors of LoRA are no matrices of the model: their product is.

    Raises:
        InputError: if none of these matrices is trained, for example beside adapters.
    """
    layers = [module for module in model.modules() if isinstance(module, EncoderLayer)]
    dense = [part for layer in layers for sublayer in layer.children() for part in sublayer.children()]
    matrices = {id(part.weight) for part in dense if isinstance(part, nn.Linear)}
    decayed, others = parameter_groups(model, weight_decay)
    of_layers = [parameter for parameter in decayed["params"] if id(parameter) in matrices]
    if not of_layers:
        raise InputError(
            "--optimizer muon: it updates the matrices of the encoder's layers, and this run trains none of them; "
            "leave it out"
        )
    rest = [parameter for parameter in decayed["params"] if id(parameter) not in matrices]
    return [{**decayed, "params": of_layers, "orthogonal": True}, {**decayed, "params": rest}, others]


@fast.sooner("muon:in_batches")
def orthogonalized(matrices: list[Tensor], iterations: list[tuple[float, float, float]]) -> list[Tensor]:
    """Of each matrix U S V^T about U V^T, by ``newton_schulz``."""
    return [newton_schulz(matrix, iterations) for matrix in matrices]


def newton_schulz(matrix: Tensor, iterations: list[tuple[float, float, float]]) -> Tensor:
    """U S V^T -> about U V^T, with products alone: five times x -> a x + b x x^T x + c (x x^T)^2 x.

    Each iteration takes every singular value s to a s + b s^3 + c s^5, and leaves U and V. The coefficients let small
    ones grow fast. So they do not become exactly 1: from 0.002 on they end between 0.68 and 1.21.
    Source: Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks"; Bernstein & Newhouse 2024.

    Args:
        matrix: (rows, columns); all zeros stay zeros.
        iterations: (a, b, c) of each.
    """
    is_tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.mT if is_tall else matrix  # then x x^T is the smaller product
    x = x / (x.norm() + TINY)  # the squares of the singular values now add up to 1
    for a, b, c in iterations:
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if is_tall else x
