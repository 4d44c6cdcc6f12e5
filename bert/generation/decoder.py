"""The decoder: layers that read what is written so far, and look at the source (Vaswani et al. 2017, figure 1, right).

what is written   [CLS] ein Hund          a piece attends to itself and to the pieces before it
                    |    |    |
the source        [CLS] a dog [SEP]       then it attends to every token of the source
                    |    |    |
what comes next    ein Hund [SEP]         each position predicts the piece after it
"""

from typing import cast

import torch
from torch import Tensor, nn

from bert.config import BertConfig
from bert.generation.cache import Cache, Memory
from bert.heads.pretraining import MaskedLanguageModelHead
from bert.layer_norm import LayerNorm
from bert.model.attention import MultiHeadAttention
from bert.model.bert import initialize_weights
from bert.model.embeddings import Embeddings
from bert.model.encoder import EncoderLayer
from bert.model.sequences import Sequences

Weights = list[Tensor] | None  # of each sequence (heads, queries, keys), if asked for


class DecoderLayer(EncoderLayer):
    """A layer of BERT with a second attention between the two sublayers: from the target to the source.

        a = LayerNorm(x + Dropout(Attention(x to x, causal)))
        c = LayerNorm(a + Dropout(Attention(a to the source)))
        y = LayerNorm(c + Dropout(FeedForward(c)))

    Source: Vaswani et al. 2017, section 3.1; Rothe et al. 2020, "Leveraging Pre-trained Checkpoints for Sequence
    Generation Tasks", section 3.
    """

    is_causal = True  # its own attention

    def __init__(self, config: BertConfig):
        super().__init__(config)
        self.cross_attention = MultiHeadAttention(config)
        self.cross_attention_norm = LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(
        self, from_states: Tensor, to_states: Tensor, from_sequences: Sequences, to_sequences: Sequences,
        return_attention: bool = False,
    ) -> tuple[Tensor, tuple[Weights, Weights]]:  # fmt: skip
        """
        Args:
            from_states: (tokens, hidden_size), of the targets.
            to_states: (source tokens, hidden_size), the encoder's last states.
            from_sequences, to_sequences: which tokens belong together; as many targets as sources.

        Returns:
            (tokens, hidden_size); and the weights of both attentions, if asked for.
        """
        attended, weights = self.attention(
            from_states, from_states, from_sequences, from_sequences, return_attention, causal=True
        )
        states = self.attention_norm(from_states + self.dropout(attended))
        attended, cross_weights = self.cross_attention(
            states, to_states, from_sequences, to_sequences, return_attention
        )
        states = self.cross_attention_norm(states + self.dropout(attended))
        states = self.feed_forward_norm(states + self.dropout(self.feed_forward(states)))
        return states, (weights, cross_weights)

    def step(self, states: Tensor, cache: Cache, number: int) -> Tensor:
        """The same for the newest position alone, without dropout: (rows, hidden_size) -> (rows, hidden_size).

        Args:
            cache: of the positions before; it keeps this one too.
            number: the layer's.
        """
        own, cross = self.attention, self.cross_attention
        projected = (in_heads(each(states), own) for each in (own.query, own.key, own.value))
        states = self.attention_norm(states + own.output(joined(cache.attend(number, *projected))))
        attended = cache.attend_to_memory(number, in_heads(cross.query(states), cross))
        states = self.cross_attention_norm(states + cross.output(joined(attended)))
        return self.feed_forward_norm(states + self.feed_forward(states))


class Decoder(nn.Module):
    """Embeddings, layers, and the head that scores the next piece. The head's output is tied to the embeddings.

    The head is the one of masked language modelling, so a checkpoint's fits. Source: Rothe et al. 2020, section 3.
    """

    def __init__(self, config: BertConfig):
        super().__init__()
        self.config = config
        self.embeddings = Embeddings(config)
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.num_hidden_layers))
        self.head = MaskedLanguageModelHead(config)
        initialize_weights(self, config)

    @property
    def word_embeddings(self) -> Tensor:
        """(vocab_size, hidden_size)"""
        return self.embeddings.word_embeddings.weight

    def forward(
        self, input_ids: Tensor, sequences: Sequences, memory: Memory, return_attention: bool = False
    ) -> tuple[Tensor, tuple[tuple[Weights, Weights], ...]]:
        """
        Args:
            input_ids: (tokens,) of all targets, end to end. Token types are 0.
            sequences: which tokens belong together.
            memory: the sources, one for each target.

        Returns:
            The last states (tokens, hidden_size); and of each layer the weights of both attentions, if asked for.

        Raises:
            ValueError: if a target is longer than max_position_embeddings.
        """
        if sequences.longest > (most := self.config.max_position_embeddings):
            raise ValueError(f"targets of {sequences.longest} tokens are too long for {most} position embeddings")
        states = self.embeddings(input_ids, input_ids.new_zeros(input_ids.shape), sequences.positions(input_ids))
        all_weights = ()
        for layer in self.layers:
            states, weights = layer(states, memory.states, sequences, memory.sequences, return_attention)
            all_weights += (weights,)
        return states, all_weights

    def start(self, memory: Memory) -> Cache:
        """The cache before the first piece, a row for each source: all that the source's states are needed for."""
        padding = memory.sequences.padding
        keys_and_values = []
        for layer in self.layers:
            cross = cast(DecoderLayer, layer).cross_attention
            heads = (padding.pad(in_heads(each(memory.states), cross)) for each in (cross.key, cross.value))
            key, value = (each.transpose(1, 2).contiguous() for each in heads)  # (rows, heads, seq, dim)
            keys_and_values.append((key, value))
        is_full = len(padding.indices) == padding.batch * padding.seq
        is_source = None if is_full else padding.pad(torch.ones_like(padding.indices)) > 0
        return Cache(keys_and_values, is_source)

    def step(self, pieces: Tensor, cache: Cache) -> Tensor:
        """The newest piece of each row, (rows,) int64 -> the scores of the next one, (rows, vocab_size).

        Raises:
            ValueError: if there is no position embedding left.
        """
        if cache.position >= (most := self.config.max_position_embeddings):
            raise ValueError(f"the target is as long as it can be: {most} tokens")
        states = self.embeddings(pieces, pieces.new_zeros(pieces.shape), pieces.new_full(pieces.shape, cache.position))
        for number, layer in enumerate(self.layers):
            states = cast(DecoderLayer, layer).step(states, cache, number)
        cache.position += 1
        return self.head(states, self.word_embeddings)


def in_heads(states: Tensor, attention: MultiHeadAttention) -> Tensor:
    """(tokens, hidden_size) -> (tokens, heads, dim)

    einops would take three times as long as these views. A step has eight in each layer, a tenth of its time.
    """
    return states.unflatten(1, (attention.num_attention_heads, -1))


def joined(heads: Tensor) -> Tensor:
    """(tokens, heads, dim) -> (tokens, hidden_size)"""
    return heads.flatten(1)
