"""A gated feed-forward network: half of the hidden numbers decide how much of the other half passes.

    BERT     W2 GELU(W1 x)
    gated    W2 (GELU(W1 x) * V x)        * multiplies number by number

Source: Shazeer 2020, "GLU Variants Improve Transformer", equation 6. With GELU it is his GEGLU. With ``hidden_act``
"silu" it is SwiGLU. There are three matrices instead of two, so each has two thirds of intermediate_size. Then the
number of parameters stays, and so does the time. Shazeer's have no biases. Here they have BERT's.
"""

from torch import Tensor, nn

from bert.config import BertConfig
from bert.model.bert import BertModel, initialize_weights
from bert.model.feed_forward import FeedForward

MULTIPLE = 8  # a size is a multiple of what matrix units read at a time


def make_gated(bert: BertModel) -> None:
    """Replaces the feed-forward network of each layer by a new one, in place."""
    for layer in bert.encoder.layers:
        layer.feed_forward = GatedFeedForward(bert.config)  # pyright: ignore
        initialize_weights(layer.feed_forward, bert.config)  # pyright: ignore


def gated_size(intermediate_size: int) -> int:
    """Two thirds of intermediate_size, rounded to a multiple of 8.

    >>> gated_size(3072), gated_size(512)
    (2048, 344)
    """
    return MULTIPLE * max(1, round(intermediate_size * 2 / 3 / MULTIPLE))


class GatedFeedForward(FeedForward):
    """W1 and V are one matrix, ``intermediate``: its first rows are W1, the others V. So they are one for Muon, too."""

    def __init__(self, config: BertConfig):
        size = gated_size(config.intermediate_size)
        super().__init__(config.replace(intermediate_size=size))
        self.intermediate = nn.Linear(config.hidden_size, 2 * size)

    def forward(self, states: Tensor) -> Tensor:
        """(tokens, hidden_size) -> (tokens, hidden_size)"""
        gate, passing = self.intermediate(states).chunk(2, dim=-1)
        return self.output(self.activation(gate) * passing)
