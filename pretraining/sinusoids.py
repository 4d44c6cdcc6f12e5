"""Position embeddings that start as sinusoids (Vaswani et al. 2017): a departure, for small models and short runs.

BERT's position embeddings start random. A model must learn them before it can attend to the word before. For sinusoids
one linear map takes every position to the one before it.
"""

import torch
from torch import Tensor

from bert.model.embeddings import Embeddings


@torch.no_grad()
def start_positions_as_sinusoids(embeddings: Embeddings, standard_deviation: float) -> None:
    """Sets the position embeddings to ``sinusoids`` of this standard deviation; they are learned from there."""
    table = sinusoids(*embeddings.position_embeddings.weight.shape)
    embeddings.position_embeddings.weight.copy_(table * (standard_deviation / table.std()))


def sinusoids(positions: int, hidden_size: int) -> Tensor:
    """The position encodings of Vaswani et al. 2017, section 3.5: sin and cos of pos / 10000 ** (2i / hidden_size).

    Returns:
        (positions, hidden_size): sines in the even columns, cosines in the odd ones.
    """
    pair = torch.arange(0, hidden_size, 2) / hidden_size  # 2i / hidden_size
    angle = torch.arange(positions)[:, None] / 10_000**pair  # (positions, pairs)
    table = torch.stack([angle.sin(), angle.cos()], dim=-1)  # (positions, pairs, 2)
    return table.flatten(1)[:, :hidden_size]
