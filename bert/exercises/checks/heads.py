"""Checks of multi-head attention: what it hands to ``attend``, and what it makes of the answer.

``attend`` is replaced by a function that writes down its arguments. So this exercise needs no other one.
"""

from types import ModuleType, SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from bert.config import BertConfig
from bert.exercises.checks.compare import require, require_equal, require_tensor, require_tuple

HEADS, DIM, TOKENS = 3, 4, 5
FROM, TO, WEIGHTS = "the queries' sequences", "the keys' sequences", ["the weights"]


def check_splitting(module: ModuleType) -> None:
    layer, from_states, to_states = _layer(module)
    given = _call(module, layer, from_states, to_states).given
    projections: dict[str, tuple[nn.Linear, Tensor]] = {
        "query": (layer.query, from_states), "key": (layer.key, to_states), "value": (layer.value, to_states)
    }  # fmt: skip
    for name, (projection, states) in projections.items():
        found = require_tensor(given[name], f"the {name} that attend gets")
        projected = projection(states)
        split = projected.view(TOKENS, HEADS, DIM)
        source = "from_states" if states is from_states else "to_states"
        other = to_states if states is from_states else from_states
        shape = tuple(found.shape)
        require(
            shape != (HEADS, TOKENS, DIM),
            f"the {name} that attend gets is (heads, tokens, dim); attend takes (tokens, heads, dim)",
        )
        require_equal(found, split, f"the {name} that attend gets", {
            "the numbers of a head must lie side by side: the last axis splits into (heads dim), not (dim heads)":
                projected.view(TOKENS, DIM, HEADS).mT,
            "view mixes the tokens: the axis to split is the last one":
                projected.reshape(HEADS, TOKENS, DIM).transpose(0, 1),
            f"the {name} is computed from the wrong states; it comes from {source}":
                projection(other).view(TOKENS, HEADS, DIM),
            f"the {name} is split, but self.{name} has not projected it": states.view(TOKENS, HEADS, DIM),
        } | {
            f"the {name} is projected by self.{wrong}": getattr(layer, wrong)(states).view(TOKENS, HEADS, DIM)
            for wrong in projections if wrong != name
        } | {f"the {name} is divided by sqrt(dim) here already; attend does that": split / DIM**0.5})  # fmt: skip


def check_what_else_attend_gets(module: ModuleType) -> None:
    layer, *states = _layer(module)
    given = _call(module, layer, *states, return_attention=True, causal=True).given
    sequences = given["from_sequences"], given["to_sequences"]
    require(sequences != (TO, FROM), "attend gets from_sequences and to_sequences in the wrong order")
    require(sequences == (FROM, TO), "attend must get from_sequences and to_sequences as they are")
    require(given["causal"] is True, "causal is not handed on to attend")
    require(given["return_attention"] is True, "return_attention is not handed on to attend")


def check_dropout(module: ModuleType) -> None:
    layer, *states = _layer(module)
    rate = _call(module, layer.train(), *states).given["dropout_probability"]
    require(rate == layer.dropout_probability, "while the model trains, attend must get self.dropout_probability")
    rate = _call(module, layer.eval(), *states).given["dropout_probability"]
    require(rate == 0, "dropout is for training: if self.training is False, attend must get a probability of 0")


def check_joining(module: ModuleType) -> None:
    layer, *states = _layer(module)
    call = _call(module, layer, *states, return_attention=True)
    found, weights = require_tuple(call.result, 2, "forward")
    joined = call.attended.flatten(1)
    require_equal(require_tensor(found, "the first result"), layer.output(joined), "the first result", {
        "the heads are joined, but self.output does not project them": joined,
        "the heads are joined in another order than they were split: (heads dim), not (dim heads)":
            layer.output(call.attended.mT.flatten(1)),
        "the joined heads mix the tokens: put the axis of the tokens first":
            layer.output(call.attended.transpose(0, 1).reshape(TOKENS, HEADS * DIM)),
        "a residual sum is added here already; the encoder's layer does that": layer.output(joined) + states[0],
    })  # fmt: skip
    require(weights is WEIGHTS, "the second result must be the weights that attend gives")


def _layer(module: ModuleType) -> tuple[Any, Tensor, Tensor]:
    size = HEADS * DIM
    layer = module.MultiHeadAttention(BertConfig(hidden_size=size, num_attention_heads=HEADS)).eval()
    for parameter in layer.parameters():
        nn.init.normal_(parameter)
    return layer, torch.randn(TOKENS, size), torch.randn(TOKENS, size)


def _call(module: ModuleType, layer: Any, from_states: Tensor, to_states: Tensor, **options: bool) -> SimpleNamespace:
    """What ``attend`` is given, what it gives back, and what the layer makes of that."""
    call = SimpleNamespace(given=None, attended=torch.randn(TOKENS, HEADS, DIM))

    def attend(
        query, key, value, from_sequences, to_sequences, dropout_probability=0.0, causal=False, return_attention=False
    ):
        call.given = locals()
        return call.attended, WEIGHTS

    module.attend = attend  # pyright: ignore
    call.result = layer(from_states, to_states, FROM, TO, **options)
    require(call.given, "forward does not call attend, which does the equation for all heads")
    return call
