"""How well a model learned a sequence of tasks, and what it forgot on the way.

R[i, j] is the score on task j after task i was learned, such as the accuracy. With three tasks:

             task 0  task 1  task 2
    after 0   0.90    nan     nan       nan: not measured
    after 1   0.70    0.80    nan       the diagonal: each task just after it was learned
    after 2   0.60    0.75    0.85      the last row: what is left in the end

Source: Lopez-Paz and Ranzato 2017, "Gradient Episodic Memory for Continual Learning", section 2, and its code,
``metrics/metrics.py``; forgetting: Chaudhry et al. 2018, "Riemannian Walk for Incremental Learning", section 3.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Measures:
    """The measures of a sequence, in the unit of its scores. NaN: a score that the measure needs is missing."""

    average_accuracy: float  # the mean of the last row
    backward_transfer: float  # the mean change of a task since it was learned; below 0 it was forgotten
    forgetting: float  # the mean loss of a task since it was at its best
    forward_transfer: float  # the mean lead over an untrained model, just before a task is learned


def measure(scores: np.ndarray, untrained: np.ndarray | None = None) -> Measures:
    """The measures of a matrix of scores.

    A measure is NaN if one of its scores is. The best earlier score is sought among those that were measured.

    Args:
        scores: (tasks, tasks) R, NaN if a task was not measured.
        untrained: (tasks,) the score of an untrained model on each task. None: nobody measured it.

    Raises:
        ValueError: if the matrix is not square, or has no task.

    >>> measure(np.array([[0.9, np.nan], [0.7, 0.8]])).backward_transfer.__round__(3)
    -0.2
    """
    tasks = len(scores)
    if scores.shape != (tasks, tasks) or tasks == 0:
        raise ValueError(f"the scores are {scores.shape}; a row and a column for each task was expected")
    if untrained is None:
        untrained = np.full(tasks, np.nan)
    last, earlier = scores[-1], scores[:-1, :-1]
    best = np.fmax.reduce(earlier, axis=0, initial=-np.inf)  # passes over NaN
    before = np.diagonal(scores, offset=1)  # R[j - 1, j] for j = 1, 2, ...
    return Measures(
        average_accuracy=_mean(last),
        backward_transfer=_mean((last - np.diagonal(scores))[:-1]),
        forgetting=_mean(np.where(np.isinf(best), np.nan, best) - last[:-1]),
        forward_transfer=_mean(before - untrained[1:]),
    )


def _mean(values: np.ndarray) -> float:
    """The mean; NaN if there is nothing."""
    return float(values.mean()) if values.size else float("nan")
