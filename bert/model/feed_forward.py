"""The position-wise feed-forward network (Vaswani et al. 2017, section 3.3), with GELU instead of ReLU."""

from torch import Tensor, nn

from bert.activations import activation
from bert.config import BertConfig


class FeedForward(nn.Module):
    """Two layers applied to every token alone: up to intermediate_size, GELU, down to hidden_size.

    Source: Devlin et al. 2018, section 3 (GELU, and four times hidden_size); ``modeling.py``, ``transformer_model``.
    A departure: since 2019 ``modeling.py`` computes the tanh approximation under the name "gelu". Here, as in
    transformers, "gelu" is exact and "gelu_new" is the approximation. They differ by less than 0.0005.
    """

    def __init__(self, config: BertConfig):
        super().__init__()
        self.intermediate = nn.Linear(config.hidden_size, config.intermediate_size)
        self.activation = activation(config.hidden_act)
        self.output = nn.Linear(config.intermediate_size, config.hidden_size)

    def forward(self, states: Tensor) -> Tensor:
        """(tokens, hidden_size) -> (tokens, hidden_size)"""
        return self.output(self.activation(self.intermediate(states)))
