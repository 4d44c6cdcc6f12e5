"""What a search has found: which trial is best, how optimistic its score is, and which flags mattered.

Source: Dodge et al. 2019, "Show Your Work: Improved Reporting of Experimental Results", section 3.1.
"""

import math
from collections.abc import Sequence

import numpy as np

from bert.tasks.metrics import LOWER_IS_BETTER, correlation, is_better, ranks
from finetuning.search_space import Choices, Space
from finetuning.search_trials import Trial


def best_of(trials: Sequence[Trial]) -> Trial | None:
    """The best of the finished trials, and of equals the first. None: no trial is finished."""
    best = None
    for trial in trials:
        if trial.state != "finished" or trial.value is None:
            continue
        if best is None or best.value is None or is_better(trial.metric, trial.value, best.value):
            best = trial
    return best


def values_of(trials: Sequence[Trial]) -> list[float]:
    """The scores of all trials that have one. A pruned trial has the best one until its end."""
    return [trial.value for trial in trials if trial.value is not None]


def expected_best(values: Sequence[float], draws: int, metric: str) -> float:
    """What the best of so many random trials would score on average, judged by the trials that there are.

    The chance that the best of n draws is at most v is P(V <= v)^n. Trials in a search that learns from the earlier
    ones are no random draws, so there it is a rough guide.

    >>> expected_best([0.0, 1.0], 2, "accuracy")
    0.75
    """
    sign = -1 if metric in LOWER_IS_BETTER else 1
    ordered = np.sort(sign * np.asarray(values, np.float64))
    at_most = (np.arange(len(ordered) + 1) / len(ordered)) ** draws
    return sign * float(ordered @ np.diff(at_most))


def expected_maximum(draws: int) -> float:
    """The mean of the largest of so many normal random numbers, in standard deviations above their mean.

    It is the integral of x d(P(x)^n), here by the trapezoidal rule.

    >>> round(expected_maximum(2), 4)  # 1 / sqrt(pi)
    0.5642
    """
    x = np.linspace(-10, 10, 20_001)
    at_most = np.array([0.5 * math.erfc(-each / math.sqrt(2)) for each in x]) ** draws
    return float(np.sum((x[1:] + x[:-1]) / 2 * np.diff(at_most)))


def rank_importances(trials: Sequence[Trial], space: Space) -> dict[str, float]:
    """How closely the scores of the trials go with each flag alone, from 0 to 1.

    Of numbers it is the absolute value of Spearman's rank correlation. Of words it is the share of the differences
    between the scores' ranks that the words explain, as a correlation: its square root.
    """
    scored = [trial for trial in trials if trial.value is not None]
    if len(scored) < 3:
        return {}
    of_scores = ranks(np.array(values_of(scored)))
    found = {}
    for part in space:
        values = [trial.settings[part.name] for trial in scored]
        if isinstance(part, Choices) and any(isinstance(value, str) for value in values):
            found[part.name] = _correlation_ratio([str(value) for value in values], of_scores)
        else:
            found[part.name] = abs(correlation(ranks(np.array(values, np.float64)), of_scores))
    return found


def _correlation_ratio(names: Sequence[str], of_scores: np.ndarray) -> float:
    """The standard deviation of the names' means, as a part of all ranks' standard deviation."""
    spread = of_scores.std()
    means = np.empty(len(names))
    for name in set(names):
        chosen = np.array([each == name for each in names])
        means[chosen] = of_scores[chosen].mean()
    return float(means.std() / spread) if spread else 0.0


def bounds_of_epochs(trials: Sequence[Trial], at_least: int) -> list[str]:
    """The bounds of the next trial, as ``--stop-if-worse`` takes them: medians of the finished trials at each epoch.

    A trial's last epoch does not count: by then its learning rate is 0, and that of a longer trial is not. Source:
    Golovin et al. 2017, "Google Vizier", section 3.2.2; Optuna's ``MedianPruner`` compares in the same way.

    Args:
        at_least: trials that an epoch's median needs.
    """
    finished = [trial for trial in trials if trial.state == "finished"]
    bounds = []
    for epoch in range(1, max((len(trial.curve) for trial in finished), default=0)):
        values = [trial.curve[epoch - 1] for trial in finished if len(trial.curve) > epoch]
        there = [value for value in values if value is not None]
        if len(there) >= at_least:
            bounds.append(f"{epoch}={float(np.median(there))!r}")
    return bounds
