"""The encoder: layers of self-attention and feed-forward, each with dropout, a residual sum and LayerNorm after it."""

from torch import Tensor, nn

from bert.config import BertConfig
from bert.layer_norm import LayerNorm
from bert.model.attention import MultiHeadAttention
from bert.model.dropout import Dropout
from bert.model.feed_forward import FeedForward
from bert.model.sequences import Sequences


class EncoderLayer(nn.Module):
    """One Transformer layer: LayerNorm(x + Dropout(Attention(x))), then the same around the feed-forward network.

    LayerNorm stands after the residual sum ("post-LN"), as in Vaswani et al. 2017, section 3.1, and BERT's
    ``modeling.py``; later models moved it before the sublayer.
    """

    def __init__(self, config: BertConfig):
        super().__init__()
        self.attention = MultiHeadAttention(config)
        self.attention_norm = LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.feed_forward = FeedForward(config)
        self.feed_forward_norm = LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = Dropout(config.hidden_dropout_prob)

    def forward(
        self, from_states: Tensor, to_states: Tensor, from_sequences: Sequences, to_sequences: Sequences,
        return_attention: bool = False,
    ) -> tuple[Tensor, list[Tensor] | None]:  # fmt: skip
        """Arguments and results as ``MultiHeadAttention`` has them: (queries, hidden_size), and perhaps the weights."""
        attended, weights = self.attention(from_states, to_states, from_sequences, to_sequences, return_attention)
        states = self.attention_norm(from_states + self.dropout(attended))
        return self.feed_forward_norm(states + self.dropout(self.feed_forward(states))), weights


class Encoder(nn.Module):
    """The stack of ``num_hidden_layers`` layers."""

    def __init__(self, config: BertConfig):
        super().__init__()
        self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(config.num_hidden_layers))

    def forward(
        self, states: Tensor, sequences: Sequences, selected: Tensor | None = None, return_attention: bool = False,
        return_hidden_states: bool = False,
    ) -> tuple[Tensor, tuple[Tensor, ...] | None, tuple[list[Tensor], ...] | None]:  # fmt: skip
        """
        Args:
            states: (tokens, hidden_size), the embeddings.
            sequences: which tokens belong together.
            selected: (selected,) indices: the last layer is computed for these tokens alone. They attend to every token
                of their sequence. In pretraining they are a sixth of the tokens, in classification [CLS] alone.
            return_attention, return_hidden_states: fill the third and the second result.

        Returns:
            The last layer's states, (tokens, hidden_size) or (selected, hidden_size). Then, if asked for, all states
            from the embeddings to these, and each layer's attention weights (see ``MultiHeadAttention``).
        """
        all_states, all_weights = (states,), ()
        for layer in self.layers:
            if selected is None or layer is not self.layers[-1]:
                states, weights = layer(states, states, sequences, sequences, return_attention)
            else:
                indices, order = selected.sort()
                from_states, from_sequences = states.index_select(0, indices), sequences.select(indices)
                states, weights = layer(from_states, states, from_sequences, sequences, return_attention)
                states = states.index_select(0, order.argsort())
            all_states += (states,) if return_hidden_states else ()
            all_weights += (weights,) if return_attention else ()
        return states, all_states if return_hidden_states else None, all_weights if return_attention else None
