"""One layer of the encoder: attention, then the feed-forward network (Vaswani et al. 2017, section 3.1).

    x = LayerNorm(x + Dropout(Attention(x)))
    x = LayerNorm(x + Dropout(FeedForward(x)))

Dropout multiplies each number by 0, or by 1 / (1 - probability). Without training it multiplies by 1.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np

from bert.selftest.equations.attention import multi_head_attention
from bert.selftest.equations.feed_forward import feed_forward
from bert.selftest.equations.layer_norm import layer_norm
from bert.selftest.equations.parameters import Parameters, part


@dataclass(frozen=True)
class Factors:
    """What dropout multiplies by, at its three places in a layer."""

    weights: Iterable[np.ndarray | float] = repeat(1.0)  # of each sequence (heads, length, length)
    attention: np.ndarray | float = 1.0  # (tokens, hidden_size)
    feed_forward: np.ndarray | float = 1.0  # (tokens, hidden_size)


def encoder_layer(
    states: np.ndarray, lengths: Sequence[int], parameters: Parameters, heads: int, activation: str, eps: float,
    factors: Factors = Factors(),
) -> np.ndarray:  # fmt: skip
    """(tokens, hidden_size), of sequences end to end -> (tokens, hidden_size)"""
    attended, _ = multi_head_attention(states, lengths, part(parameters, "attention"), heads, factors.weights)
    states = layer_norm(states + factors.attention * attended, part(parameters, "attention_norm"), eps)
    fed = feed_forward(states, part(parameters, "feed_forward"), activation)
    return layer_norm(states + factors.feed_forward * fed, part(parameters, "feed_forward_norm"), eps)
