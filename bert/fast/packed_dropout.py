"""FlashAttention with dropout, and whether this PyTorch has it.

PyTorch's public function for sequences end to end, ``varlen_attn``, has no dropout. The operator that it calls has
dropout, but it is private: any version of PyTorch may rename it, or give it other arguments. So a run tries it on a few
tokens before it begins. If something is wrong, attention with dropout is computed on a padded batch.
"""

import math
from functools import cache

import torch
from torch import Tensor

from bert.model.sequences import Sequences

_works = True  # until find_fault says otherwise


def works() -> bool:
    """Whether the operator does what it must, as far as ``find_fault`` has found. Graphs may ask."""
    return _works


def attend_flash(
    query: Tensor, key: Tensor, value: Tensor, from_sequences: Sequences, to_sequences: Sequences,
    dropout_probability: float, causal: bool,
) -> Tensor:  # fmt: skip
    """``bert.fast.attention.attend_varlen``, by the private operator."""
    attended, *_ = torch.ops.aten._flash_attention_forward(
        query, key, value, from_sequences.boundaries.int(), to_sequences.boundaries.int(), from_sequences.longest,
        to_sequences.longest, dropout_probability, is_causal=causal, return_debug_mask=False,
    )  # fmt: skip
    return attended


@cache
def find_fault(device: torch.device, dtype: torch.dtype) -> str | None:
    """Tries the operator. From now on ``works`` gives the result.

    Returns:
        What is wrong, for a note; None if all is well.
    """
    global _works
    with torch.random.fork_rng([device] if device.type == "cuda" else []), torch.enable_grad():
        torch.manual_seed(0)
        try:
            fault = _fault(device, dtype)
        except (AttributeError, TypeError, ValueError, RuntimeError) as error:
            fault = (str(error).splitlines() or [type(error).__name__])[0]
    _works = fault is None
    return fault


def _fault(device: torch.device, dtype: torch.dtype) -> str | None:
    """Compares the operator with the equation, for the weights that it kept. One-hot values let us see the weights."""
    lengths, heads, dim = (64, 40, 24), 2, 64
    boundaries = torch.tensor([0, *lengths], device=device).cumsum(0)
    sequences = Sequences(boundaries, max(lengths))
    columns = torch.cat([torch.arange(length) for length in lengths])
    one_hot = torch.eye(dim)[columns][:, None].repeat(1, heads, 1).to(device)  # (tokens, heads, dim)
    query, key = torch.randn(2, sum(lengths), heads, dim).to(device, dtype)
    value = one_hot.to(dtype)
    arguments = [each.requires_grad_() for each in (query, key, value)]
    length_of_token = sequences.lengths.repeat_interleave(sequences.lengths)
    is_weight = torch.arange(dim, device=device) < length_of_token[:, None]
    is_weight = is_weight[:, None].expand(-1, heads, -1)  # (tokens, heads, keys)

    masks = []
    for probability in (0.0, 0.25, 0.25):
        attended = attend_flash(query, key, value, sequences, sequences, probability, causal=False)
        gradients = torch.autograd.grad(attended, arguments, one_hot.to(dtype))
        kept = (attended != 0) & is_weight  # (tokens, heads, keys)
        expected = _equation(query, key, value, lengths, kept / (1 - probability))
        expected_gradients = torch.autograd.grad(expected, arguments, one_hot)
        for found, right in zip((attended, *gradients), (expected, *expected_gradients), strict=True):
            tolerance = 0.02 * right.abs().max().item()
            if not torch.allclose(found.float(), right.float(), rtol=0.05, atol=tolerance):
                return f"with dropout {probability} its numbers are not those of the equation"
        masks.append(kept[is_weight])
    without, *dropped = masks
    by_head = kept[:, 0][is_weight[:, 0]], kept[:, 1][is_weight[:, 1]]
    if not without.all():
        return "without dropout it leaves weights out"
    if not all(_is_share(~mask, 0.25) for mask in dropped):
        return "it drops another share of the weights than it is told to"
    if not all(_is_share(a == b, 0.25**2 + 0.75**2) for a, b in (dropped, by_head)):
        return "it drops the same weights again"
    return None


def _equation(query: Tensor, key: Tensor, value: Tensor, lengths: tuple[int, ...], factors: Tensor) -> Tensor:
    """Attention of each sequence in float32, with each weight times its factor, (tokens, heads, keys)."""
    attended = []
    parts = (each.float().split(lengths) for each in (query, key, value, factors))
    for its_query, its_key, its_value, its_factors in zip(*parts, strict=True):
        scores = torch.einsum("qhd,khd->qhk", its_query, its_key) / math.sqrt(query.shape[-1])
        weights = scores.softmax(dim=-1) * its_factors[..., : len(its_key)]
        attended.append(torch.einsum("qhk,khd->qhd", weights, its_value))
    return torch.cat(attended)


def _is_share(outcomes: Tensor, expected: float) -> bool:
    """Whether so many outcomes are True, within five standard deviations."""
    deviation = math.sqrt(expected * (1 - expected) / outcomes.numel())
    return abs(outcomes.double().mean().item() - expected) < 5 * deviation
