"""A dense layer in 8 bits: y = x W^T + b with whole numbers for x and W.

    x (tokens, in)    ->   whole numbers X, and a scale s for each token
    W (out, in)       ->   whole numbers V, and a scale t for each output
    y                 =    (X V^T) * s * t + b

W becomes whole numbers once. The states x do whenever they come, by the largest number of each token ("dynamic"
quantization). The product X V^T is one of whole numbers, which a CPU adds up faster than floats. Source: Jacob et al.
2018, "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", section 2.
"""

from typing import NamedTuple

from torch import Tensor, nn

from bert import fast
from bert.fast.eight_bits import pack
from bert.quantization.rows import quantize_rows


class WholeStates(NamedTuple):
    """States in 8 bits: (..., in) int8, and a scale for each token, (...)."""

    whole: Tensor
    scales: Tensor


@fast.sooner("eight_bits:dense")
def dense(
    whole: Tensor, scales: Tensor, weight: Tensor, weight_scales: Tensor, bias: Tensor | None = None
) -> Tensor:  # fmt: skip
    """The equation above.

    Args:
        whole, scales: X (..., in) int8, and s (...), of tokens end to end or in a padded batch.
        weight, weight_scales: V (out, in) int8, and t (out,). V may be packed (``bert.fast.eight_bits``).
        bias: b (out,)

    Returns:
        (..., out) float32
    """
    transposed = weight.to_dense() if weight.is_mkldnn else weight.mT  # (in, out)
    # Floats hold whole numbers exactly up to 2 ** 24. A larger sum is rounded as every float is.
    product = whole.float() @ transposed.float() * scales.unsqueeze(-1) * weight_scales
    return product if bias is None else product + bias


class QuantizedLinear(nn.Module):
    """A dense layer in 8 bits, made from another one. It cannot be trained.

    Args:
        linear: the layer with the weight (out, in) and the bias (out,).
    """

    weight: Tensor
    scales: Tensor

    def __init__(self, linear: nn.Linear):
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        whole, scales = quantize_rows(linear.weight.detach())
        self.register_buffer("weight", pack(whole) if fast.is_on() else whole)
        self.register_buffer("scales", scales)
        self.bias = None if linear.bias is None else nn.Parameter(linear.bias.detach(), requires_grad=False)

    def forward(self, states: Tensor | WholeStates) -> Tensor:
        """(..., in) float32, or the same in 8 bits already -> (..., out) float32"""
        whole, scales = states if isinstance(states, WholeStates) else quantize_rows(states)
        return dense(whole, scales, self.weight, self.scales, self.bias)
