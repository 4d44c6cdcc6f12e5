"""Prefix tuning (Li & Liang 2021; P-Tuning v2, Liu et al. 2021): learned keys and values before those of the text.

    keys    P P P [CLS] good [SEP] P P P [CLS] not bad [SEP]       of two sequences, in every layer
    queries       [CLS] good [SEP]       [CLS] not bad [SEP]       unchanged

Every token of a sequence also attends to the prefix. Its numbers are the parameters; no token stands behind them.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import torch
from einops import rearrange, repeat
from torch import Tensor, nn
from torch.nn import functional as F

from bert.adaptation.checks import check_count
from bert.config import names_of_variant
from bert.errors import InputError
from bert.model.attention import MultiHeadAttention, attend
from bert.model.dropout import Dropout
from bert.model.sequences import Sequences, count


@dataclass(frozen=True)
class Prefix:
    """The settings of prefix tuning. Raises an InputError if no prefix has such a size.

    A departure: in P-Tuning v2 the first token of a text has the position ``length``, since transformers counts the
    prefix. Here it has position 0, where the checkpoint learned [CLS].
    """

    name: ClassVar[str] = "prefix"
    merges: ClassVar[bool] = False

    length: int = 20  # P, in keys
    projection_size: int | None = None  # of the MLP that makes the prefix; None: there is no MLP
    shift_positions: bool = False  # whether positions begin at ``length``, as in files of peft

    def __post_init__(self):
        check_count("length", self.length)
        if self.projection_size is not None:
            check_count("projection_size", self.projection_size)

    def wrap(self, model: nn.Module) -> None:
        """Puts a ``PrefixAttention`` in the place of each layer's attention.

        Raises an InputError if the prefix is as long as the longest text, or leaves no position for one. Also if the
        model is a variant that does not attend as BERT does.
        """
        bert: Any = model.bert
        if unlike := [name for name in names_of_variant(bert.config.variant) if name in ("rotary", "left-to-right")]:
            raise InputError(
                f"a prefix has no position, and the model's attention is {' and '.join(unlike)}; use another way to "
                f"adapt it"
            )
        most = bert.config.max_position_embeddings
        if self.length >= most:
            raise InputError(
                f"a prefix of {self.length} leaves no room beside it: the model has {most} positions; make it shorter"
            )
        tables = PrefixTables(bert.config, self, like=bert.embeddings.word_embeddings.weight)
        bert.encoder.prefix = tables
        for number, layer in enumerate(bert.encoder.layers):
            layer.attention = PrefixAttention(layer.attention, tables, number)
        if self.shift_positions:
            bert.embeddings.position_embeddings = ShiftedEmbedding(bert.embeddings.position_embeddings, self.length)
            bert.config = bert.config.replace(max_position_embeddings=most - self.length)


class PrefixTables(nn.Module):
    """The prefixes of all layers: a table of parameters, or an MLP over a smaller one.

    embeddings (length, hidden_size) -> down -> tanh -> up (length, layers * 2 * hidden_size)

    Source: THUDM/P-tuning-v2, ``model/prefix_encoder.py``; the table starts with standard deviation 1, as nn.Embedding.

    Args:
        like: a tensor on whose device the parameters are made.
    """

    def __init__(self, config, settings: Prefix, like: Tensor):
        super().__init__()
        self.hidden_size = config.hidden_size
        width, size = 2 * config.num_hidden_layers * config.hidden_size, settings.projection_size
        self.embeddings = nn.Parameter(like.new_empty(settings.length, width if size is None else config.hidden_size))
        nn.init.normal_(self.embeddings)
        self.down = None if size is None else nn.Linear(config.hidden_size, size, device=like.device)
        self.up = None if size is None else nn.Linear(size, width, device=like.device)
        self.dropout = Dropout(config.hidden_dropout_prob)

    def of_layer(self, number: int) -> tuple[Tensor, Tensor]:
        """The keys and the values before those of a layer: two of (length, hidden_size)."""
        columns = slice(2 * number * self.hidden_size, (2 * number + 2) * self.hidden_size)
        if self.down is None or self.up is None:
            table = self.embeddings[:, columns]
        else:
            hidden = torch.tanh(self.down(self.embeddings))
            table = F.linear(hidden, self.up.weight[columns], self.up.bias[columns])
        key, value = self.dropout(table).chunk(2, dim=1)
        return key, value


class PrefixAttention(MultiHeadAttention):
    """Multi-head attention in which every token also attends to learned keys. The modules of ``base`` are its own.

    Source: Li & Liang 2021, section 4.2.
    """

    def __init__(self, base: MultiHeadAttention, tables: PrefixTables, number: int):
        nn.Module.__init__(self)
        self.num_attention_heads, self.dropout_probability = base.num_attention_heads, base.dropout_probability
        self.query, self.key, self.value, self.output = base.query, base.key, base.value, base.output
        self.number = number
        self.tables = (tables,)  # in a tuple: the encoder has them as its part, once for all layers

    def forward(
        self, from_states: Tensor, to_states: Tensor, from_sequences: Sequences, to_sequences: Sequences,
        return_attention: bool = False, causal: bool = False,
    ) -> tuple[Tensor, list[Tensor] | None]:  # fmt: skip
        """As ``MultiHeadAttention``. Weights that are given back are without the prefix: rows add up to less than 1."""
        query, key, value = self.query(from_states), self.key(to_states), self.value(to_states)
        its_key, its_value = self.tables[0].of_layer(self.number)
        lengthened = Lengthened.of(to_sequences, len(its_key), len(to_states))
        key, value = lengthened.join(its_key, key), lengthened.join(its_value, value)
        query, key, value = (
            rearrange(states, "tokens (heads dim) -> tokens heads dim", heads=self.num_attention_heads)
            for states in (query, key, value)
        )
        rate = self.dropout_probability if self.training else 0.0
        attended, weights = attend(
            query, key, value, from_sequences, lengthened.sequences, rate, causal, return_attention
        )
        if weights is not None:
            weights = [each[..., len(its_key) :] for each in weights]
        return self.output(rearrange(attended, "tokens heads dim -> tokens (heads dim)")), weights


@dataclass(frozen=True, eq=False)
class Lengthened:
    """Sequences with a prefix before each of them.

    Attributes:
        sequences: the longer ones.
        order: (tokens with prefixes,) where each comes from, if all prefixes stand before all tokens.
    """

    sequences: Sequences
    order: Tensor

    @staticmethod
    @lru_cache(maxsize=4)  # the layers of a model ask one after another, with the same sequences
    def of(sequences: Sequences, length: int, tokens: int) -> "Lengthened":
        """Sequences of together ``tokens`` tokens, each with ``length`` more before it."""
        number = count(sequences.first)  # of each sequence
        boundaries = sequences.boundaries + length * count(sequences.boundaries)
        of_prefixes = (boundaries[:-1, None] + torch.arange(length, device=number.device)).flatten()
        before = (length * (number + 1)).repeat_interleave(sequences.lengths, output_size=tokens)
        of_tokens = torch.arange(tokens, device=number.device) + before
        order = torch.cat([of_prefixes, of_tokens]).argsort()
        return Lengthened(Sequences(boundaries, sequences.longest + length), order)

    def join(self, prefix: Tensor, states: Tensor) -> Tensor:
        """(length, hidden_size), (tokens, hidden_size) -> (tokens with prefixes, hidden_size), in the states' dtype."""
        prefixes = repeat(prefix, "length hidden -> (sequences length) hidden", sequences=len(self.sequences.first))
        return torch.cat([prefixes.to(states.dtype), states]).index_select(0, self.order)


class ShiftedEmbedding(nn.Embedding):
    """Position embeddings that begin at another one than the first. The weight of ``base`` is its own."""

    def __init__(self, base: nn.Embedding, first: int):
        nn.Module.__init__(self)
        vars(self).update({name: value for name, value in vars(base).items() if not name.startswith("_")})
        self.weight, self.first = base.weight, first

    def forward(self, input: Tensor) -> Tensor:
        """(tokens,) positions -> (tokens, hidden_size)"""
        return super().forward(input + self.first)
