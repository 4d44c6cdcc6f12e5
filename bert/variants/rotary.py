"""Rotary positions: queries and keys are turned by their positions, and there are no position embeddings.

    two numbers of a query, as a point in a plane        turned by  position * frequency

The product of two points depends on the angle between them. So a turned query and a turned key have a score that
depends on the distance of their tokens, not on where the two stand. Each pair of numbers turns with its own frequency:
the first by 1 radian for a token, the last by nearly 1/10,000.

Source: Su et al. 2021, "RoFormer: Enhanced Transformer with Rotary Position Embedding", sections 3.2 and 3.4.2
(equation 34). The paper pairs neighbours, number 2i with 2i + 1. Here number i is paired with i + dim / 2, as in
GPT-NeoX and Llama. The weights of query and key are learned for one order or the other.
"""

from dataclasses import replace

import torch
from einops import rearrange
from torch import Tensor

from bert.model.attention import MultiHeadAttention, attend
from bert.model.bert import BertModel
from bert.model.embeddings import Embeddings
from bert.model.encoder import Encoder
from bert.model.sequences import Sequences
from bert.variants.become import become

BASE = 10_000  # as for the sinusoids of Vaswani et al. 2017


def make_rotary(bert: BertModel) -> None:
    """Replaces the position embeddings by turned queries and keys, in place."""
    become(bert.embeddings, UnpositionedEmbeddings)
    del bert.embeddings.position_embeddings
    become(bert.encoder, RotaryEncoder)
    for layer in bert.encoder.layers:
        become(layer.attention, RotaryAttention)  # pyright: ignore


def turned(states: Tensor, positions: Tensor) -> Tensor:
    """Queries or keys (tokens, heads, dim), each pair of numbers turned by its token's position (tokens,)."""
    first, second = states.chunk(2, dim=-1)  # (tokens, heads, dim / 2), twice
    pairs = first.shape[-1]
    dtype = torch.promote_types(states.dtype, torch.float32)  # 16 bits are too few for an angle
    frequencies = BASE ** (-torch.arange(pairs, device=states.device, dtype=dtype) / pairs)
    angles = rearrange(positions, "tokens -> tokens 1 1") * frequencies  # (tokens, 1, pairs)
    cos, sin = angles.cos(), angles.sin()
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1).to(states.dtype)


class RotaryAttention(MultiHeadAttention):
    """Multi-head attention with turned queries and keys. Values stay as they are."""

    def forward(
        self, from_states: Tensor, to_states: Tensor, from_sequences: Sequences, to_sequences: Sequences,
        return_attention: bool = False, causal: bool = False,
    ) -> tuple[Tensor, list[Tensor] | None]:  # fmt: skip
        """As ``MultiHeadAttention``. The sequences have ``columns``."""
        query, key, value = (
            rearrange(states, "tokens (heads dim) -> tokens heads dim", heads=self.num_attention_heads)
            for states in (self.query(from_states), self.key(to_states), self.value(to_states))
        )
        assert from_sequences.columns is not None and to_sequences.columns is not None, "RotaryEncoder sets them"
        query, key = turned(query, from_sequences.columns), turned(key, to_sequences.columns)
        rate = self.dropout_probability if self.training else 0.0
        attended, weights = attend(query, key, value, from_sequences, to_sequences, rate, causal, return_attention)
        return self.output(rearrange(attended, "tokens heads dim -> tokens (heads dim)")), weights


class Positioned(Sequences):
    """Sequences whose selected tokens still know their positions in the whole sequence."""

    def select(self, indices: Tensor) -> Sequences:
        """As ``Sequences.select``, with the columns of the selected tokens."""
        assert self.columns is not None
        return replace(super().select(indices), columns=self.columns.index_select(0, indices))


class RotaryEncoder(Encoder):
    """The stack, whose layers know the positions."""

    def forward(
        self, states: Tensor, sequences: Sequences, selected: Tensor | None = None, return_attention: bool = False,
        return_hidden_states: bool = False,
    ) -> tuple[Tensor, tuple[Tensor, ...] | None, tuple[list[Tensor], ...] | None]:  # fmt: skip
        """As ``Encoder``."""
        columns = sequences.positions(states.new_empty(len(states), dtype=torch.int64))
        sequences = Positioned(sequences.boundaries, sequences.longest, columns)
        return super().forward(states, sequences, selected, return_attention, return_hidden_states)


class UnpositionedEmbeddings(Embeddings):
    """Word and token type alone, then LayerNorm and dropout."""

    def forward(self, input_ids: Tensor, token_type_ids: Tensor, positions: Tensor) -> Tensor:
        """As ``Embeddings``, without looking at the positions."""
        words, types = self.word_embeddings(input_ids), self.token_type_embeddings(token_type_ids)
        return self.dropout(self.layer_norm(words + types))
