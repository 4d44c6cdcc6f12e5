"""Pre-norm: LayerNorm stands before each sublayer, not after the residual sum.

post-norm (BERT)     y = LayerNorm(x + Sublayer(x))
pre-norm             y = x + Sublayer(LayerNorm(x)), and one LayerNorm after the last layer

In BERT the gradients of the last layers are by far the largest at first, so the learning rate needs a warm-up. In a
pre-norm model they are not, since plain sums lead from the loss to every layer. Source: Xiong et al. 2020, "On Layer
Normalization in the Transformer Architecture", section 3. As in BERT, the embeddings have a LayerNorm too.
"""

import torch
from torch import Tensor

from bert.layer_norm import LayerNorm
from bert.model.bert import BertModel
from bert.model.encoder import Encoder, EncoderLayer
from bert.model.sequences import Sequences
from bert.variants.become import become


def make_pre_norm(bert: BertModel) -> None:
    """Moves the LayerNorms of all layers, and adds the last one, in place."""
    become(bert.encoder, PreNormEncoder)
    bert.encoder.final_norm = LayerNorm(bert.config.hidden_size, eps=bert.config.layer_norm_eps)
    for layer in bert.encoder.layers:
        become(layer, PreNormLayer)


class PreNormLayer(EncoderLayer):
    """x + Dropout(Attention(LayerNorm(x))), then the same around the feed-forward network."""

    def forward(
        self, from_states: Tensor, to_states: Tensor, from_sequences: Sequences, to_sequences: Sequences,
        return_attention: bool = False,
    ) -> tuple[Tensor, list[Tensor] | None]:  # fmt: skip
        """As ``EncoderLayer``: (queries, hidden_size), and perhaps the weights."""
        normed = self.attention_norm(from_states)
        to_normed = normed if to_states is from_states else self.attention_norm(to_states)
        attended, weights = self.attention(normed, to_normed, from_sequences, to_sequences, return_attention)
        states = from_states + self.dropout(attended)
        return states + self.dropout(self.feed_forward(self.feed_forward_norm(states))), weights


class PreNormEncoder(Encoder):
    """The stack, and the LayerNorm after it."""

    final_norm: LayerNorm

    def forward(
        self, states: Tensor, sequences: Sequences, selected: Tensor | None = None, return_attention: bool = False,
        return_hidden_states: bool = False,
    ) -> tuple[Tensor, tuple[Tensor, ...] | None, tuple[list[Tensor], ...] | None]:  # fmt: skip
        """As ``Encoder``. The last of all states is the normalized one."""
        if torch.is_autocast_enabled(states.device.type):
            states = states.float()  # the residual sum runs through all layers: in 16 bits it would lose small terms
        states, all_states, all_weights = super().forward(
            states, sequences, selected, return_attention, return_hidden_states
        )
        states = self.final_norm(states)
        return states, all_states and (*all_states[:-1], states), all_weights
