"""LayerNorm (Ba et al. 2016), as it stands between BERT's sublayers."""

import torch
from torch import Tensor, nn


class LayerNorm(nn.LayerNorm):
    """torch's, whose result has the type that matrix products are in.

    In mixed precision the mean and the deviation are taken in float32, and what goes on from there to the next product
    and the next residual sum is kept in 16 bits, as the gradient is that comes back: half the memory, and half the time
    of all that is not a product. On a GPU torch would hand float32 on.
    """

    def forward(self, states: Tensor) -> Tensor:
        """Any shape -> the same shape."""
        normalized = super().forward(states)
        device = states.device.type
        return normalized.to(torch.get_autocast_dtype(device)) if torch.is_autocast_enabled(device) else normalized
