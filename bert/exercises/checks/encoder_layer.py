"""Checks of a layer: its formula, around an attention and a feed-forward network of a line each."""

from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from bert.config import BertConfig
from bert.exercises.checks.compare import require, require_equal, require_tensor, require_tuple

SIZE, TOKENS = 8, 5
FROM, TO, WEIGHTS = "the queries' sequences", "the keys' sequences", ["the weights"]


class Attention(nn.Module):
    """Stands for attention: mixes the two kinds of states, and writes down what else it is given."""

    def forward(self, from_states, to_states, from_sequences, to_sequences, return_attention=False, causal=False):
        self.given = from_sequences, to_sequences, return_attention
        return attention(from_states, to_states), WEIGHTS


class FeedForward(nn.Module):
    """Stands for the feed-forward network."""

    def forward(self, states: Tensor) -> Tensor:
        return feed_forward(states)


class OddColumnsDropped(nn.Module):
    """Stands for dropout, but drops always the same."""

    def forward(self, states: Tensor) -> Tensor:
        return states * (torch.arange(SIZE) % 2)


def attention(from_states: Tensor, to_states: Tensor) -> Tensor:
    return torch.sin(2 * from_states) + 3 * to_states.roll(1, dims=0)


def feed_forward(states: Tensor) -> Tensor:
    return torch.cos(3 * states) * 2


def check_the_formula(module: ModuleType) -> None:
    layer, x, to = _layer(module)
    layer.dropout = nn.Identity()
    first, second = layer.attention_norm, layer.feed_forward_norm

    def on(states: Tensor, norm: Any = second) -> Tensor:
        """The second half of the layer."""
        return norm(states + feed_forward(states))

    attended = attention(x, to)
    a = first(x + attended)
    before, from_alone = x + attention(first(x), first(to)), x + attention(first(x), to)
    states, _ = require_tuple(layer(x, to, FROM, TO), 2, "forward")
    require_equal(require_tensor(states, "the first result"), on(a), "the first result", {
        "LayerNorm is before each sublayer (pre-LN); BERT has it after each residual sum (post-LN)":
            before + feed_forward(second(before)),
        "LayerNorm is before each sublayer (pre-LN), of from_states alone; BERT has it after each residual sum":
            from_alone + feed_forward(second(from_alone)),
        "the residual sum around attention is left out": on(first(attended)),
        "the residual sum around the feed-forward network is left out": second(feed_forward(a)),
        "both residual sums are left out": second(feed_forward(first(attended))),
        "the second residual sum adds the layer's input; it must add the states after attention_norm":
            second(x + feed_forward(a)),
        "the residual sum around attention adds to_states; it must add from_states": on(first(to + attended)),
        "attention_norm and feed_forward_norm are exchanged": on(second(x + attended), first),
        "attention_norm is used twice; after the feed-forward network comes feed_forward_norm": on(a, first),
        "the LayerNorm after the feed-forward network is left out": on(a, nn.Identity()),
        "the LayerNorm after attention is left out": on(x + attended),
        "attention gets from_states twice; the keys come from to_states": on(first(x + attention(x, x))),
        "the feed-forward network gets the layer's input; it must get the states after attention_norm":
            second(a + feed_forward(x)),
    })  # fmt: skip


def check_dropout(module: ModuleType) -> None:
    layer, x, to = _layer(module)
    drop = layer.dropout = OddColumnsDropped()
    first, second = layer.attention_norm, layer.feed_forward_norm

    def formula(after_attention: Any, after_feed_forward: Any) -> Tensor:
        a = first(x + after_attention(attention(x, to)))
        return second(a + after_feed_forward(feed_forward(a)))

    def keep(states: Tensor) -> Tensor:
        return states

    dropped_sum = first(drop(x + attention(x, to)))
    require_equal(layer(x, to, FROM, TO)[0], formula(drop, drop), "the first result with dropout", {
        "dropout is left out; it is for the output of each sublayer": formula(keep, keep),
        "dropout after the feed-forward network is left out": formula(drop, keep),
        "dropout after attention is left out": formula(keep, drop),
        "dropout is on the residual sum; it is for the output of the sublayer, before the sum":
            second(drop(dropped_sum + feed_forward(dropped_sum))),
    })  # fmt: skip


def check_what_attention_gets(module: ModuleType) -> None:
    layer, x, to = _layer(module)
    _, weights = require_tuple(layer(x, to, FROM, TO, return_attention=True), 2, "forward")
    from_sequences, to_sequences, return_attention = layer.attention.given
    require((from_sequences, to_sequences) == (FROM, TO), "attention must get from_sequences, then to_sequences")
    require(return_attention is True, "return_attention is not handed on to attention")
    require(weights is WEIGHTS, "the second result must be the weights that attention gives")


def _layer(module: ModuleType) -> tuple[Any, Tensor, Tensor]:
    layer = module.EncoderLayer(BertConfig(hidden_size=SIZE, num_attention_heads=2, intermediate_size=SIZE))
    layer.attention, layer.feed_forward = Attention(), FeedForward()
    layer.attention_norm, layer.feed_forward_norm = nn.LayerNorm(SIZE), nn.LayerNorm(SIZE)
    for parameter in layer.parameters():
        nn.init.normal_(parameter)
    return layer, torch.randn(TOKENS, SIZE), torch.randn(TOKENS, SIZE)
