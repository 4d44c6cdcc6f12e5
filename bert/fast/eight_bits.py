"""Products of whole numbers on the CPU, by oneDNN's operator.

The operator is the one that PyTorch's compiler uses for quantized models. It takes states without a sign: we add 128 to
each, and it subtracts 128 times the sum of the weights again. The weight is packed once, in the order in which the
processor reads it.

What was tried: milliseconds for 1,024 tokens, on one thread of a Xeon with AMX, other work beside it. torch 2.13.

                                                          384 -> 1536   1536 -> 384   768 -> 3072
    F.linear, float32                                         9.4           8.8          35.3
    F.linear, bfloat16                                        2.6           1.9           7.4
    onednn.qlinear_pointwise, states without a sign           1.4           0.9           4.6
    onednn.qlinear_pointwise, with a sign                     1.7           1.0           5.0
    quantized.linear_dynamic, engine "onednn"                 2.0           2.1           5.7
    quantized.linear_dynamic, engine "x86"                    3.5           3.3          13.8
    quantized.linear_dynamic, engine "fbgemm"                 5.0           4.4          16.3
    torch._int_mm                                             4.6           1.7          10.3
    torch._weight_int8pack_mm, weights alone in 8 bits       21.6          18.9          82.7

``linear_dynamic`` has one scale for all tokens, and its times include making whole numbers. On a CPU with VNNI and
without AMX, states with a sign take 22 seconds. On one without VNNI, ``_int_mm`` is wrong too. oneDNN played these CPUs
(``ONEDNN_MAX_CPU_ISA``): with VNNI the operator took 0.5 of the time of float32, without it 1.3.
"""

import platform
from functools import cache

import torch
from torch import Tensor

ZERO = 128  # the state that stands for 0


def pack(weight: Tensor) -> Tensor:
    """(out, in) int8 -> the same weight as the operator reads it; or ``weight``, if this CPU cannot use the operator.

    A packed weight ``is_mkldnn``. Its ``to_dense()`` is (in, out).
    """
    return _packed(weight) if weight.device.type == "cpu" and is_exact() else weight


def dense(
    whole: Tensor, scales: Tensor, weight: Tensor, weight_scales: Tensor, bias: Tensor | None = None
) -> Tensor:  # fmt: skip
    """``bert.quantization.linear.dense``, if the weight is packed."""
    if not weight.is_mkldnn:
        return NotImplemented
    product = _product(whole, weight, weight_scales).mul_(scales.unsqueeze(-1))
    return product if bias is None else product.add_(bias)  # torch.addcmul takes longer than these two


@cache
def is_exact() -> bool:
    """Whether this CPU adds up whole numbers exactly.

    Without the instructions "VNNI" (Intel since 2019, AMD since 2022), an x86 CPU adds products in pairs of 16 bits.
    Large pairs overflow there, and the operator says nothing. So we ask it for the largest sums. Other kinds of CPUs
    do without the operator, which we have not tried there.
    """
    if platform.machine() not in ("x86_64", "AMD64") or not torch.backends.mkldnn.is_available():
        return False
    whole, weight = (torch.full((rows, 64), 127, dtype=torch.int8) for rows in (2, 16))
    return bool((_product(whole, _packed(weight), torch.ones(16)) == 64 * 127**2).all())


def _packed(weight: Tensor) -> Tensor:
    return torch.ops.onednn.qlinear_prepack(weight, None)


def _product(whole: Tensor, packed: Tensor, weight_scales: Tensor) -> Tensor:
    """(..., in) int8, a packed weight and (out,) -> (..., out) float32, times the weight's scales"""
    unsigned = whole.view(torch.uint8) ^ ZERO  # flips the highest bit, which adds 128
    zeros = torch.zeros(len(weight_scales), dtype=torch.int64)  # what stands for 0 in each row of the weight
    scale, output = (1.0, ZERO), (1.0, 0, torch.float32)
    return torch.ops.onednn.qlinear_pointwise(
        unsigned, *scale, packed, weight_scales, zeros, None, *output, "none", [], ""
    )
