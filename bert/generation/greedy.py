"""Piece by piece: each time the most probable next piece is written, and never taken back.

    P(y | x) = P(y1 | x) P(y2 | x, y1) P(y3 | x, y1, y2) ...        yt = the most probable piece

All sources of a batch are written side by side. A row whose output has ended leaves the work.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from bert.generation.constraints import Constraints
from bert.generation.stepwise import Output, StepwiseCache, StepwiseModel, largest, next_log_probabilities

# From log-probabilities (rows, vocabulary), the rows' sources (rows,) and the position, the next pieces (rows,).
Choose = Callable[[Tensor, Tensor, int], Tensor]


def most_probable(log_probabilities: Tensor, sources: Tensor, position: int) -> Tensor:
    """The most probable piece of each row, (rows,) int64."""
    return largest(log_probabilities, 1)[1].squeeze(1)


def write_piece_by_piece(
    model: StepwiseModel,
    cache: StepwiseCache,
    sources: Tensor,
    constraints: Constraints,
    choose: Choose = most_probable,
) -> list[Output]:
    """The output for each row of the cache.

    Args:
        cache: before the first position.
        sources: (rows,) int64, which source each row is of; only ``choose`` reads them.
        choose: which of the allowed pieces comes next.
    """
    special = constraints.pieces
    outputs = [Output([], 0.0)] * len(sources)
    live = torch.arange(len(sources), device=sources.device)  # the rows whose outputs have not ended
    written = torch.full_like(live, special.start)[:, None]  # (live, 1 + length)
    total = torch.zeros_like(live, dtype=torch.float32)  # log P of what is written
    while True:
        log_probabilities = next_log_probabilities(model, written[:, -1], cache)
        allowed = constraints(log_probabilities, written)
        pieces = choose(allowed, sources[live], written.shape[1])
        total = total + log_probabilities.gather(1, pieces[:, None]).squeeze(1)
        written = torch.cat([written, pieces[:, None]], dim=1)
        has_ended = pieces == special.end
        if not has_ended.any():
            continue
        for row in has_ended.nonzero().flatten().tolist():
            outputs[int(live[row])] = Output(written[row, 1:-1].tolist(), total[row].item())
        kept = (~has_ended).nonzero().flatten()
        if not len(kept):
            return outputs
        live, written, total = live[kept], written[kept], total[kept]
        cache.reorder(kept)
