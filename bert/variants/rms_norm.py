"""RMSNorm: LayerNorm without the mean and without the shift.

Source: Zhang & Sennrich 2019, "Root Mean Square Layer Normalization", equation 4: what LayerNorm gains comes from the
scale that it gives to a token's numbers. Moving their mean to 0 adds little.
"""

from torch import Tensor

from bert import fast
from bert.layer_norm import LayerNorm
from bert.model.bert import BertModel


def make_rms_norm(bert: BertModel) -> None:
    """Replaces every LayerNorm of the body by a new RMSNorm, in place. Heads keep theirs."""
    for name, module in list(bert.named_modules()):
        if isinstance(module, LayerNorm):
            bert.set_submodule(name, RMSNorm(bert.config.hidden_size, eps=bert.config.layer_norm_eps, bias=False))


@fast.sooner("built_in:rms_norm")
def rms_norm(states: Tensor, weight: Tensor, eps: float) -> Tensor:
    """weight * states / sqrt(mean of states ** 2 + eps); each token has its own mean.

    Args:
        states: (..., hidden_size)
        weight: (hidden_size,)
        eps: keeps the divisor above 0.

    Returns:
        (..., hidden_size)
    """
    mean_square = states.square().mean(dim=-1, keepdim=True)  # (..., 1)
    return weight * states / (mean_square + eps).sqrt()


class RMSNorm(LayerNorm):
    """``rms_norm`` with a weight to learn, which starts at 1. It has no bias."""

    def forward(self, input: Tensor) -> Tensor:
        """(..., hidden_size) -> the same shape"""
        return rms_norm(input.to(self.weight.dtype), self.weight, self.eps)  # the mean square needs 32 bits
