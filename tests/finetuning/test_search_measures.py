"""What a search says of its trials, beside brute force and other libraries."""

import itertools

import numpy as np
import pytest
from scipy.stats import spearmanr

from finetuning.search_measures import (
    best_of,
    bounds_of_epochs,
    expected_best,
    expected_maximum,
    rank_importances,
    values_of,
)
from finetuning.search_space import read_space
from finetuning.search_trials import Trial


def trial(number, value, curve=(), state="finished", metric="accuracy", **settings):
    return Trial(number, settings, (), state, metric, value, curve)


def test_the_expected_best_is_the_mean_over_all_draws():
    values = [0.3, 0.9, 0.5, 0.5]
    for draws in (1, 2, 3):
        each = [max(drawn) for drawn in itertools.product(values, repeat=draws)]
        assert expected_best(values, draws, "accuracy") == pytest.approx(np.mean(each))
        each = [min(drawn) for drawn in itertools.product(values, repeat=draws)]
        assert expected_best(values, draws, "perplexity") == pytest.approx(np.mean(each))


def test_the_expected_maximum_of_normal_numbers_is_as_in_the_tables():
    # Harter 1961, "Expected values of normal order statistics", table 1
    table = {1: 0.0, 2: 0.56419, 3: 0.84628, 5: 1.16296, 10: 1.53875, 20: 1.86748, 100: 2.50759}
    for draws, value in table.items():
        assert expected_maximum(draws) == pytest.approx(value, abs=1e-4)


def test_the_best_is_the_first_of_the_best_that_are_finished():
    trials = [trial(0, 0.5), trial(1, 0.9, state="pruned"), trial(2, None), trial(3, 0.8), trial(4, 0.8)]
    assert best_of(trials) == trials[3]
    assert best_of(trials[1:3]) is None
    assert values_of(trials) == [0.5, 0.9, 0.8, 0.8]
    assert best_of([trial(0, 9.0, metric="perplexity"), trial(1, 7.0, metric="perplexity")]).number == 1


def test_importances_are_rank_correlations():
    generator = np.random.default_rng(0)
    rates, batches = generator.random(30), generator.integers(1, 5, 30)
    scores = rates**3 + 0.1 * generator.random(30)
    space = read_space(["learning-rate=1e-5..1", "batch-size=1..4", "pool=cls,mean"])
    pools = np.where(scores > 0.3, "mean", "cls").tolist()
    trials = [
        trial(number, float(score), learning_rate=float(rate), batch_size=int(batch), pool=pools[number])
        for number, (rate, batch, score) in enumerate(zip(rates, batches, scores))
    ]
    found = rank_importances(trials, space)
    assert found["learning_rate"] == pytest.approx(spearmanr(rates, scores).statistic)
    assert found["batch_size"] == pytest.approx(abs(spearmanr(batches, scores).statistic))
    # Of two words it is the same as the correlation with 0 and 1.
    ranked = np.corrcoef(scores > 0.3, np.argsort(np.argsort(scores)))[0, 1]
    assert found["pool"] == pytest.approx(ranked)
    assert rank_importances(trials[:2], space) == {}


def test_a_bound_is_the_median_of_the_trials_that_went_on_after_that_epoch():
    curves = [(0.1, 0.9), (0.3, 0.5, 0.6), (0.2, 0.7, 0.7), (0.4, None, 0.8)]
    trials = [trial(number, 0.9, curve) for number, curve in enumerate(curves)]
    trials.append(trial(4, 0.1, (0.9, 0.9, 0.9), state="pruned"))
    assert bounds_of_epochs(trials, 2) == ["1=0.25", "2=0.6"]
    assert bounds_of_epochs(trials, 4) == ["1=0.25"]
    assert bounds_of_epochs(trials, 5) == []


@pytest.mark.peers
def test_trials_are_pruned_as_optuna_prunes_them():
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    generator = np.random.default_rng(1)
    curves = [generator.random(4).tolist() for _ in range(12)]
    study = optuna.create_study(direction="maximize", pruner=optuna.pruners.MedianPruner(n_startup_trials=5))
    ours, theirs, trials = [], [], []
    for number, curve in enumerate(curves):
        bounds = dict(bound.split("=") for bound in bounds_of_epochs(trials, 5))
        asked, stopped = study.ask(), None
        for epoch, value in enumerate(curve, start=1):
            asked.report(value, epoch)
            if epoch < len(curve) and stopped is None and asked.should_prune():
                stopped = epoch
        theirs.append(stopped)
        until = [epoch for epoch in range(1, 4) if max(curve[:epoch]) < float(bounds.get(str(epoch), "-inf"))]
        ours.append(until[0] if until else None)
        state = optuna.trial.TrialState.PRUNED if stopped else optuna.trial.TrialState.COMPLETE
        study.tell(asked, None if stopped else max(curve), state=state)
        trials.append(trial(number, max(curve), curve, state="pruned" if stopped else "finished"))
    assert ours == theirs
    assert any(ours)
