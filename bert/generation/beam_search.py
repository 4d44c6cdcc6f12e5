r"""Beam search: several outputs of a source side by side, so that a good one may begin with an improbable piece.

              /- A dog    -0.9 --- runs  -1.4         2 beams. Each step scores every continuation of both;
    [CLS] ---+                 \-- barks -2.1         the best two go on.
              \- The dog  -1.1 --- runs  -1.3

An output is finished when [SEP] follows. Probabilities only fall with length. So finished outputs are compared by

    score(y) = log P(y | x) / ((5 + |y|) / 6)^alpha         |y| with [SEP] (Wu et al. 2016, equation 14)

A larger alpha helps longer outputs. We keep the best finished output of each source. Its search ends when no output
that is still being written could beat it. log P cannot rise any more. So the best that the first beam can reach is its
log P now, divided as if it were finished at the length that divides most.

Two rules are as in the transformers library, with which this agrees if alpha is 0. Twice as many continuations as beams
are looked at, so that enough of them go on: each beam has just one that ends. An output that ends counts only if it is
among the best continuations, as many as there are beams. So one beam with alpha 0 is greedy.
"""

import math

import torch
from einops import rearrange

from bert.generation.constraints import Constraints
from bert.generation.stepwise import Output, StepwiseCache, StepwiseModel, largest, next_log_probabilities


def search(
    model: StepwiseModel,
    cache: StepwiseCache,
    sources: int,
    constraints: Constraints,
    beams: int,
    alpha: float,
    device: torch.device | None = None,
) -> list[Output]:
    """The best output found for each source.

    Args:
        cache: of ``sources`` rows, before the first position.
        beams: how many outputs of a source are written side by side.
        alpha: the length penalty. 0: none.
    """
    special = constraints.pieces
    longest = constraints.decoding.max_length + 1
    outputs = [Output([], -math.inf)] * sources
    live = torch.arange(sources, device=device)  # the sources whose search goes on
    best = torch.full((sources,), -math.inf, device=device)  # (live,) the scores of their finished outputs
    written = torch.full((sources, 1, 1), special.start, device=device)  # (live, beams, 1 + length): one beam at first
    total = torch.zeros(sources, 1, device=device)  # (live, beams) log P, the best first; -inf: a beam of no use
    while len(live):
        rows = rearrange(written, "live beams seq -> (live beams) seq")
        allowed = constraints(next_log_probabilities(model, rows[:, -1], cache), rows)
        # No other continuation of a beam can be among the best of all beams.
        logs, pieces = largest(allowed, min(2 * beams, allowed.shape[1]))  # (live * beams, best of a beam)
        each = logs.shape[1]
        continued = rearrange(total.flatten()[:, None] + logs, "(live beams) best -> live (beams best)", live=len(live))
        logs, places = continued.topk(min(2 * beams, continued.shape[1]), dim=1)  # the best first
        beam = places // each
        piece = rearrange(pieces, "(live beams) best -> live (beams best)", live=len(live)).gather(1, places)
        has_ended = piece == special.end
        length = written.shape[2]  # with the new piece, without [CLS]

        # The best output that ends here is the first one.
        ends = has_ended[:, :beams]
        first = ends.int().argmax(dim=1, keepdim=True)
        score = logs.gather(1, first).squeeze(1) / penalty(length, alpha)
        is_better = ends.any(dim=1) & (score > best)
        for index in is_better.nonzero().flatten().tolist():
            place = int(first[index])
            ids = written[index, beam[index, place], 1:].tolist()
            outputs[int(live[index])] = Output(ids, logs[index, place].item())
        best = torch.where(is_better, score, best)

        # The best continuations go on.
        going_on = has_ended.int().argsort(dim=1, stable=True)[:, :beams]  # those that do not end come first
        total = logs.gather(1, going_on).masked_fill(has_ended.gather(1, going_on), -math.inf)
        reachable = total[:, 0] / max(penalty(length + 1, alpha), penalty(longest, alpha))
        kept = (reachable > best).nonzero().flatten()
        beam, piece = (values.gather(1, going_on)[kept] for values in (beam, piece))
        from_rows = kept[:, None] * written.shape[1] + beam  # (kept, beams), rows of this step's cache
        written = torch.cat([rows[from_rows], piece[:, :, None]], dim=2)
        live, best, total = live[kept], best[kept], total[kept]
        if len(live):
            cache.reorder(from_rows.flatten())
    return outputs


def penalty(length: int, alpha: float) -> float:
    """What the log-probability of an output of ``length`` pieces, ``[SEP]`` included, is divided by.

    >>> penalty(7, 1.0)
    2.0
    """
    return ((5 + length) / 6) ** alpha
