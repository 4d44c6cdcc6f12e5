"""LayerNorm (Ba et al. 2016): the numbers of each token get mean 0 and variance 1, then a learned scale and shift."""

from torch import Tensor, nn

from bert import fast


@fast.sooner("built_in:layer_norm")
def layer_norm(states: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """weight * (states - mean) / sqrt(variance + eps) + bias; each token has its own mean and variance.

    Source: Ba et al. 2016, "Layer Normalization", section 3. The variance is the mean of the squared distances from the
    mean: their sum divided by hidden_size, not by hidden_size - 1.

    Args:
        states: (..., hidden_size)
        weight, bias: (hidden_size,)
        eps: keeps the divisor above 0.

    Returns:
        (..., hidden_size)
    """
    centered = states - states.mean(dim=-1, keepdim=True)
    variance = centered.square().mean(dim=-1, keepdim=True)  # (..., 1)
    return weight * centered / (variance + eps).sqrt() + bias


class LayerNorm(nn.LayerNorm):
    """``layer_norm`` with a weight and a bias to learn. They start at 1 and 0."""

    def forward(self, input: Tensor) -> Tensor:
        """(..., hidden_size) -> the same shape"""
        return layer_norm(input, self.weight, self.bias, self.eps)
