"""Bottleneck adapters: two small dense layers with a nonlinearity between them, for each token alone.

houlsby.py    two in each layer, after each sublayer; LayerNorms are trained too
pfeiffer.py   one in each layer, after the feed-forward network
"""

from torch import Tensor, nn

from bert.activations import activation


class Bottleneck(nn.Module):
    """Down to ``size`` numbers, an activation, and up again: W_up act(W_down h + b_down) + b_up.

    Args:
        hidden_size: of its input and its output.
        deviation: the standard deviation of the initial weights, a normal distribution cut at two of them. Biases are
            0.
        like: a tensor on whose device the parameters are made.
    """

    def __init__(self, hidden_size: int, size: int, activation_name: str, deviation: float, like: Tensor):
        super().__init__()
        self.down = nn.Linear(hidden_size, size, device=like.device)
        self.activation = activation(activation_name)
        self.up = nn.Linear(size, hidden_size, device=like.device)
        for linear in (self.down, self.up):
            nn.init.trunc_normal_(linear.weight, std=deviation, a=-2 * deviation, b=2 * deviation)
            nn.init.zeros_(linear.bias)

    def forward(self, states: Tensor) -> Tensor:
        """(..., hidden_size) -> the same shape, without the residual sum"""
        return self.up(self.activation(self.down(states)))
