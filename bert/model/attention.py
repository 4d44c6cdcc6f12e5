"""Multi-head self-attention (Vaswani et al. 2017, section 3.2), as BERT uses it: every token sees every token."""

import math

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from bert.config import BertConfig
from bert.model.dropout import dropout as drop_out
from bert.model.packed_attention import can_attend_packed, packed_attention
from bert.model.packing import Chosen, Packing

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")  # of nn.Module


def attention_bias(attention_mask: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    """What is added to the attention scores so that padding is not looked at.

    Args:
        attention_mask: (batch, seq), 1 or True for a real token, 0 or False for padding; or None: no padding.
        dtype: of the scores.

    Returns:
        (batch, 1, 1, seq): 0 at real tokens, half of the lowest finite number at padding. Finite, and still so when a
        score is added, because a row of -inf alone would have a softmax of 0/0; google-research/bert adds -10,000,
        finite as well.
    """
    if attention_mask is None:
        return None
    is_padding = rearrange(attention_mask == 0, "batch seq -> batch 1 1 seq")
    return torch.zeros(is_padding.shape, dtype=dtype, device=is_padding.device).masked_fill(
        is_padding, torch.finfo(dtype).min / 2
    )


def scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, dropout: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Attention written out: softmax(query @ key^T / sqrt(dim) + bias) @ value.

    Source: Vaswani et al. 2017, equation 1; dropout on the attention weights as in ``modeling.py``,
    ``attention_layer``: "this is actually dropping out entire tokens to attend to".

    Args:
        query, key, value: (batch, heads, seq, dim)
        bias: (batch, 1, 1, seq) of ``attention_bias``, or None.
        dropout: the probability with which an attention weight is dropped.

    Returns:
        The attended values (batch, heads, seq, dim), and the attention weights (batch, heads, seq, seq):
        row i says how much token i takes from each token.
    """
    scores = query @ key.mT / math.sqrt(query.shape[-1])  # (batch, heads, seq, seq)
    if bias is not None:
        scores = scores + bias
    weights = scores.softmax(dim=-1)
    return drop_out(weights, dropout) @ value, weights


class SelfAttention(nn.Module):
    """Multi-head self-attention and the projection of the joined heads back to hidden_size.

    Source: Vaswani et al. 2017, section 3.2.2; ``modeling.py``, ``attention_layer``.
    """

    def __init__(self, config: BertConfig):
        super().__init__()
        self.num_attention_heads = config.num_attention_heads
        self.query = nn.Linear(config.hidden_size, config.hidden_size)
        self.key = nn.Linear(config.hidden_size, config.hidden_size)
        self.value = nn.Linear(config.hidden_size, config.hidden_size)
        self.output = nn.Linear(config.hidden_size, config.hidden_size)
        self.dropout_probability = config.attention_probs_dropout_prob

    def forward(
        self,
        hidden_states: Tensor,
        bias: Tensor | None = None,
        return_attention: bool = False,
        packing: Packing | None = None,
        chosen: Chosen | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """
        Args:
            hidden_states: (batch, seq, hidden_size), or packed (tokens, hidden_size)
            bias: (batch, 1, 1, seq) of ``attention_bias``, or None where nothing is padding.
            return_attention: also return the attention weights, at the price of the written-out path.
            packing: how the tokens are packed, or None where they are not.
            chosen: the tokens whose results are wanted; None: all.

        Returns:
            The shape of hidden_states, or (chosen, hidden_size); and the attention weights (batch, heads, seq, seq) or
            None.
        """
        # Only the chosen tokens look, on a CPU; on a GPU every token does, and what the chosen have seen is taken.
        only_chosen_look = chosen is not None and chosen.packing is not None
        looking = chosen.take(hidden_states) if only_chosen_look else hidden_states
        query, key, value = self.project(looking, hidden_states)
        if not return_attention and can_attend_packed(query, self.num_attention_heads, packing):
            attended, weights = self.attend_packed(query, key, value, packing), None
        else:
            query_packing = chosen.packing if only_chosen_look else packing
            attended, weights = self.attend_padded(query, key, value, query_packing, packing, bias, return_attention)
        if chosen is not None and not only_chosen_look:
            attended = chosen.take(attended)
        return self.output(attended), weights

    def project(self, looking: Tensor, looked_at: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The queries of some states, and the keys and values of others or of the same: each (..., hidden_size).

        A GPU makes them in one product, of the three matrices side by side, rather than three small ones: the states
        are read once. On the CPU nothing is gained by it; nor is it done where somebody has wrapped one of the three
        or hooked into it, which is then called as it is.
        """
        projections = (self.query, self.key, self.value)
        plain = all(type(each) is nn.Linear and not any(getattr(each, kind) for kind in _HOOKS) for each in projections)
        if looking is looked_at and looking.is_cuda and plain:
            weight = torch.cat([projection.weight for projection in projections])
            bias = torch.cat([projection.bias for projection in projections])
            return F.linear(looking, weight, bias).chunk(3, dim=-1)
        return self.query(looking), self.key(looked_at), self.value(looked_at)

    def attend_padded(
        self, query: Tensor, key: Tensor, value: Tensor, query_packing: Packing | None, packing: Packing | None,
        bias: Tensor | None, return_attention: bool,
    ) -> tuple[Tensor, Tensor | None]:  # fmt: skip
        """Attention in a batch as it is, with padding: what is packed is unpacked for it, and packed again.

        Args:
            query, key, value: (batch, seq, hidden_size), or packed (tokens, hidden_size)
            query_packing, packing: how the queries, and the keys and values, are packed; None where they are not.
            bias, return_attention: as ``forward`` takes them.

        Returns:
            The shape of query; and the attention weights (batch, heads, seq, seq) where asked for.
        """
        query, key, value = (
            rearrange(
                states if packed is None else packed.unpack(states),
                "batch seq (heads dim) -> batch heads seq dim", heads=self.num_attention_heads,
            )
            for states, packed in ((query, query_packing), (key, packing), (value, packing))
        )  # fmt: skip
        dropout = self.dropout_probability if self.training else 0.0
        # PyTorch's fused kernel gives the same numbers and never stores the (seq, seq) weights; but on the CPU it has
        # no dropout, and what PyTorch does there instead is slower than what is written out above.
        if return_attention or (dropout > 0 and query.device.type == "cpu"):
            attended, weights = scaled_dot_product_attention(query, key, value, bias, dropout)
        else:
            attended, weights = F.scaled_dot_product_attention(query, key, value, bias, dropout), None
        attended = rearrange(attended, "batch heads seq dim -> batch seq (heads dim)")
        attended = attended if query_packing is None else query_packing.pack(attended)
        return attended, weights if return_attention else None

    def attend_packed(self, query: Tensor, key: Tensor, value: Tensor, packing: Packing) -> Tensor:
        """Attention among packed tokens, on a GPU: three of (tokens, hidden_size) -> (tokens, hidden_size)."""
        heads = (
            rearrange(states, "tokens (heads dim) -> tokens heads dim", heads=self.num_attention_heads)
            for states in (query, key, value)
        )
        dropout = self.dropout_probability if self.training else 0.0
        return rearrange(packed_attention(*heads, packing, dropout), "tokens heads dim -> tokens (heads dim)")
