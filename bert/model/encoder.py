"""The encoder: layers of self-attention and feed-forward, each with dropout, a residual and LayerNorm after it."""

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from bert.config import BertConfig
from bert.model.attention import SelfAttention
from bert.model.dropout import Dropout
from bert.model.feed_forward import FeedForward
from bert.model.layer_norm import LayerNorm
from bert.model.packing import Chosen, Packing


class EncoderLayer(nn.Module):
    """One Transformer layer: LayerNorm(x + Dropout(Attention(x))), then the same around the feed-forward network.

    LayerNorm stands after the residual sum ("post-LN"), as in Vaswani et al. 2017, section 3.1, and BERT's
    ``modeling.py``; later models moved it before the sublayer.
    """

    compiled_method = "forward"  # by --compile, as one program for all layers

    def __init__(self, config: BertConfig):
        super().__init__()
        self.attention = SelfAttention(config)
        self.attention_norm = LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.feed_forward = FeedForward(config)
        self.feed_forward_norm = LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = Dropout(config.hidden_dropout_prob)

    def forward(
        self,
        hidden_states: Tensor,
        bias: Tensor | None = None,
        return_attention: bool = False,
        packing: Packing | None = None,
        chosen: Chosen | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """(batch, seq, hidden_size), or packed (tokens, hidden_size) -> the same shape, or (chosen, hidden_size) where
        some tokens are chosen; and the attention weights where asked (see SelfAttention).
        """
        attended, weights = self.attention(hidden_states, bias, return_attention, packing, chosen)
        if chosen is not None:
            hidden_states = chosen.take(hidden_states)
        hidden_states = self.attention_norm(hidden_states + self.dropout(attended))
        transformed = self.feed_forward(hidden_states)
        return self.feed_forward_norm(hidden_states + self.dropout(transformed)), weights


class Encoder(nn.Module):
    """The stack of ``num_hidden_layers`` layers.

    Attributes:
        recomputes: whether a layer keeps nothing but its input for the backward pass, which computes the layer once
            more, to the same numbers: much less memory, for one more forward pass. Source: Chen et al. 2016,
            "Training Deep Nets with Sublinear Memory Cost", also known as gradient checkpointing.
    """

    def __init__(self, config: BertConfig):
        super().__init__()
        self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(config.num_hidden_layers))
        self.recomputes = False

    def forward(
        self,
        hidden_states: Tensor,
        bias: Tensor | None = None,
        return_attention: bool = False,
        return_hidden_states: bool = False,
        packing: Packing | None = None,
        chosen: Chosen | None = None,
    ) -> tuple[Tensor, tuple[Tensor, ...], tuple[Tensor, ...]]:
        """
        Args:
            hidden_states: (batch, seq, hidden_size), or packed (tokens, hidden_size): the embeddings.
            bias: (batch, 1, 1, seq) of ``attention_bias``, or None.
            return_attention, return_hidden_states: fill what is returned second and third.
            packing: how the tokens are packed, or None where they are not.
            chosen: the tokens that the last layer is computed for; None: all.

        Returns:
            The last layer's output, shaped as they are, or (chosen, hidden_size). Then, where asked for and else empty,
            all hidden states from the embeddings to that output, and each layer's attention weights (batch, heads, seq,
            seq).
        """
        all_hidden_states, all_weights = [hidden_states], []
        for layer in self.layers:
            chosen_here = chosen if layer is self.layers[-1] else None
            inputs = (hidden_states, bias, return_attention, packing, chosen_here)
            if self.recomputes and torch.is_grad_enabled():
                hidden_states, weights = checkpoint(layer, *inputs, use_reentrant=False)
            else:
                hidden_states, weights = layer(*inputs)
            if return_hidden_states:
                all_hidden_states.append(hidden_states)
            if return_attention:
                all_weights.append(weights)
        return hidden_states, tuple(all_hidden_states if return_hidden_states else ()), tuple(all_weights)
