"""Dropout (Srivastava et al. 2014): some numbers become 0, and the others grow so that the mean stays."""

from torch import Tensor, nn
from torch.nn import functional as F

from bert import fast


@fast.sooner("dropout:dropout")
def dropout(states: Tensor, probability: float) -> Tensor:
    """``states`` with each number dropped with ``probability``, and the others divided by (1 - probability)."""
    return F.dropout(states, probability)


class Dropout(nn.Dropout):
    """``dropout`` while the model trains, and nothing otherwise."""

    def forward(self, input: Tensor) -> Tensor:
        """Any shape -> the same shape."""
        return dropout(input, self.p) if self.training else input
