"""Dropout (Srivastava et al. 2014): some numbers become 0, and the others grow so that the mean stays."""

from torch import Tensor, nn
from torch.nn import functional as F

from bert import fast


@fast.sooner("dropout:dropout")
def dropout(states: Tensor, probability: float) -> Tensor:
    """``states`` with each number dropped with ``probability``, and the others divided by (1 - probability)."""
    return F.dropout(states, probability)


class Dropout(nn.Module):
    """``dropout`` while the model trains, and nothing otherwise."""

    def __init__(self, probability: float):
        super().__init__()
        self.probability = probability

    def forward(self, states: Tensor) -> Tensor:
        """Any shape -> the same shape."""
        return dropout(states, self.probability) if self.training else states

    def extra_repr(self) -> str:
        return f"probability={self.probability}"
