"""Attention among sequences that are laid end to end, on a GPU: nothing is computed for padding.

tokens       [CLS] good [SEP] [CLS] not bad [SEP] [CLS] well [SEP]
boundaries   0                3                   7                10
"""

import torch
from torch import Tensor
from torch.nn.attention.varlen import varlen_attn

from bert.model.packing import Packing


def can_attend_packed(query: Tensor, heads: int, packing: Packing | None) -> bool:
    """Whether ``packed_attention`` has a kernel for it: on a CUDA GPU, in 16 bits, with heads of sizes that are
    multiples of 8 and at most 256. (What GPUs lack it: see ``lacks_packed_attention``.)

    Args:
        query: (tokens, hidden_size)
    """
    if packing is None or packing.boundaries is None or not query.is_cuda:
        return False
    dim = query.shape[-1] // heads
    return query.dtype in (torch.float16, torch.bfloat16) and dim % 8 == 0 and dim <= 256


def packed_attention(query: Tensor, key: Tensor, value: Tensor, packing: Packing, dropout: float = 0.0) -> Tensor:
    """``scaled_dot_product_attention`` in which each token sees those of its own sequence.

    The kernel is FlashAttention-2 (Dao 2023).

    Args:
        query, key, value: (tokens, heads, dim), in 16 bits, on a GPU.
        dropout: the probability with which an attention weight is dropped.

    Returns:
        (tokens, heads, dim)
    """
    boundaries, longest = packing.boundaries, packing.seq
    if dropout == 0:
        return varlen_attn(query, key, value, boundaries, boundaries, longest, longest)
    # varlen_attn has no dropout; the operator that it calls does.
    attended, *_ = torch.ops.aten._flash_attention_forward(
        query, key, value, boundaries, boundaries, longest, longest, dropout, is_causal=False, return_debug_mask=False
    )
    return attended
