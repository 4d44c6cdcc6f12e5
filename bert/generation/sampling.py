"""Sampling: each next piece is drawn at random.

    q(piece) ~ P(piece) ^ (1 / temperature)         over the allowed pieces

With top-p ("nucleus"; Holtzman et al. 2020, section 3.1), only the most probable pieces are drawn from: the fewest that
together have at least the probability p.

    0.5  0.2 | 0.2  0.1       p = 0.6: the first two, as 5 to 2

The random number of a piece is named by the seed, the source and the position (``bert/randomness.py``). So an output
does not depend on which other sources are in the batch.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from bert.randomness import random_fractions

_DRAW = 700  # names the random numbers


@dataclass(frozen=True)
class Sampler:
    """Draws pieces: a ``Choose`` of ``greedy.py``."""

    temperature: float = 1.0
    top_p: float = 1.0
    seed: int = 0

    def __call__(self, log_probabilities: Tensor, sources: Tensor, position: int) -> Tensor:
        """A random piece of each row, (rows,) int64.

        Args:
            log_probabilities: (rows, vocabulary)
            sources: (rows,) int64, and the position: the names of the random numbers.
        """
        below_best = log_probabilities.double() - log_probabilities.amax(dim=-1, keepdim=True)
        probabilities = (below_best / self.temperature).softmax(dim=-1)
        shares, pieces = nucleus(probabilities, self.top_p)
        ends = shares.cumsum(dim=-1)  # each piece has the part of the line from the end before to its own
        fractions = random_fractions(self.seed, _DRAW, sources.cpu().numpy(), position)
        drawn = torch.from_numpy(fractions).to(ends.device)[:, None] * ends[:, -1:]
        places = torch.searchsorted(ends, drawn, right=True)
        last = (shares > 0).sum(dim=-1, keepdim=True) - 1  # rounding may leave a number at the end of the line
        return pieces.gather(1, places.minimum(last)).squeeze(1)


def nucleus(probabilities: Tensor, top_p: float) -> tuple[Tensor, Tensor]:
    """The fewest most probable pieces that have at least the probability ``top_p``. The most probable is always one.

    Args:
        probabilities: (rows, vocabulary)

    Returns:
        Their probabilities, the largest first, 0 for the pieces outside; and which pieces they are. Both (rows,
        vocabulary).
    """
    largest_first, pieces = probabilities.sort(dim=-1, descending=True, stable=True)
    before = pad(largest_first.cumsum(dim=-1)[:, :-1], (1, 0))  # the probability of all pieces before it
    return largest_first.where(before < top_p, 0.0), pieces
