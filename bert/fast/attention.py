"""Attention of all sequences at once, instead of one after another.

On a GPU since 2020, in 16 bits, ``attend_varlen`` runs FlashAttention-2 (Dao 2023) on sequences end to end. Everywhere
else ``attend_padded`` makes each sequence a row of a padded batch. Equally long sequences need no copy.
"""

import math
from functools import cache
from typing import cast

import torch
from einops import rearrange
from torch import Tensor
from torch.nn import functional as F

from bert.fast import packed_dropout
from bert.fast.packed_dropout import attend_flash
from bert.model.dropout import dropout
from bert.model.sequences import Padding, Sequences

EQUATION_UP_TO = 256  # keys, in 16 bits on the CPU, in training


def attend(
    query: Tensor, key: Tensor, value: Tensor, from_sequences: Sequences, to_sequences: Sequences,
    dropout_probability: float = 0.0, causal: bool = False, return_attention: bool = False,
) -> tuple[Tensor, None]:  # fmt: skip
    """``bert.model.attention.attend``, without the attention weights."""
    if return_attention:
        return NotImplemented
    kernel = attend_varlen if takes_varlen(query, dropout_probability, causal) else attend_padded
    return kernel(query, key, value, from_sequences, to_sequences, dropout_probability, causal), None


def takes_varlen(query: Tensor, dropout_probability: float, causal: bool) -> bool:
    """Whether ``attend_varlen`` computes this. Dropout, or a causal mask, takes a private operator."""
    return has_varlen_kernel(query) and (packed_dropout.works() or (dropout_probability == 0 and not causal))


def has_varlen_kernel(query: Tensor) -> bool:
    """Whether FlashAttention can: it needs a GPU since Ampere, 16 bits, and a head size that 8 divides, up to 256."""
    dim = query.shape[-1]
    is_16_bits = query.dtype in (torch.float16, torch.bfloat16)
    return query.is_cuda and is_16_bits and dim % 8 == 0 and dim <= 256 and _is_ampere(query.device)


@cache
def _is_ampere(device: torch.device) -> bool:
    return torch.cuda.get_device_capability(device) >= (8, 0)


def attend_varlen(
    query: Tensor, key: Tensor, value: Tensor, from_sequences: Sequences, to_sequences: Sequences,
    dropout_probability: float, causal: bool,
) -> Tensor:  # fmt: skip
    """Computes nothing for padding, since there is none. Counts nothing, since that would synchronise."""
    if dropout_probability > 0 or causal:
        return attend_flash(query, key, value, from_sequences, to_sequences, dropout_probability, causal)
    boundaries = from_sequences.boundaries.int(), to_sequences.boundaries.int()
    from torch.nn.attention.varlen import varlen_attn  # loads PyTorch's compiler: a second that no CPU should wait

    return cast(Tensor, varlen_attn(query, key, value, *boundaries, from_sequences.longest, to_sequences.longest))


def attend_padded(
    query: Tensor, key: Tensor, value: Tensor, from_sequences: Sequences, to_sequences: Sequences,
    dropout_probability: float, causal: bool,
) -> Tensor:  # fmt: skip
    """The equation on (batch, heads, seq, dim), with a mask that hides the padding."""
    from_padding, to_padding = from_sequences.padding, to_sequences.padding
    query, key, value = (
        rearrange(pad(states, padding), "batch seq heads dim -> batch heads seq dim")
        for states, padding in ((query, from_padding), (key, to_padding), (value, to_padding))
    )
    mask = attention_mask(from_sequences, to_sequences, causal)
    # PyTorch's fused kernel never stores the (seq, seq) weights. On the CPU it has no dropout. PyTorch's other way is
    # slower than the equation. So is the kernel's backward pass in 16 bits.
    if not query.is_cuda and (dropout_probability > 0 or _is_slow_backwards(query, key)):
        scores = query @ key.mT / math.sqrt(query.shape[-1])  # (batch, heads, queries, keys)
        if mask is not None:  # a sum takes a third of the time of masked_fill, with its gradient
            scores = scores + torch.zeros_like(mask, dtype=scores.dtype).masked_fill(~mask, -math.inf)
        attended = dropout(scores.softmax(dim=-1), dropout_probability) @ value
    else:
        attended = F.scaled_dot_product_attention(query, key, value, mask, dropout_probability)
    attended = rearrange(attended, "batch heads seq dim -> batch seq heads dim")
    return attended.flatten(0, 1) if is_full(from_padding) else from_padding.unpad(attended)


def _is_slow_backwards(query: Tensor, key: Tensor) -> bool:
    """Whether there will be a backward pass that PyTorch's fused kernel on the CPU takes longer for than the equation.

    Forward and backward took 4 times as long for 128 tokens in 16 bits, and 0.9 for 512.
    """
    needs_gradient = torch.is_grad_enabled() and (query.requires_grad or key.requires_grad)
    return needs_gradient and query.dtype == torch.bfloat16 and key.shape[-2] <= EQUATION_UP_TO


def pad(states: Tensor, padding: Padding) -> Tensor:
    """``padding.pad``, without a copy if there is no padding."""
    return states.unflatten(0, (padding.batch, padding.seq)) if is_full(padding) else padding.pad(states)


def is_full(padding: Padding) -> bool:
    """Whether no row is shorter than another."""
    return len(padding.indices) == padding.batch * padding.seq


def attention_mask(from_sequences: Sequences, to_sequences: Sequences, causal: bool) -> Tensor | None:
    """(batch, 1, 1 or queries, keys) bool, True if a query may attend to a key. None: it may attend to all."""
    if is_full(to_sequences.padding) and not causal:
        return None
    lengths = to_sequences.lengths
    keys = torch.arange(to_sequences.padding.seq, device=lengths.device)
    mask = rearrange(keys < lengths[:, None], "batch keys -> batch 1 1 keys")
    if causal:
        queries = torch.arange(from_sequences.padding.seq, device=lengths.device)
        last_key = queries + (lengths - from_sequences.lengths)[:, None]  # (batch, queries)
        mask = mask & (keys <= rearrange(last_key, "batch queries -> batch 1 queries 1"))
    return mask


def attend_in_rows(query: Tensor, key: Tensor, value: Tensor, may_attend: Tensor | None) -> Tensor:
    """``bert.generation.cache.attend``: PyTorch's fused kernel, if it is sooner than the equation.

    It is one call instead of five, and does not widen 16 bits. But in float32 on the CPU it multiplies slower.
    """
    batch, heads = query.shape[:2]
    if query.device.type == "cpu" and query.dtype == torch.float32 and batch * heads > 32:
        return NotImplemented
    return F.scaled_dot_product_attention(query, key, value, may_attend)
