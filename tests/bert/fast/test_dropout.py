"""Dropout drops what it is told to, keeps the mean, and passes the gradient on through what it kept."""

import pytest
import torch

from bert.fast.dropout import LEVELS, quick_dropout
from bert.model.dropout import dropout


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.9])
def test_the_share_that_it_drops_and_the_mean_that_it_keeps(probability):
    torch.manual_seed(0)
    dropped = quick_dropout(torch.ones(1000, 1000), probability)
    standard_error = (probability * (1 - probability) / 1e6) ** 0.5
    assert (dropped == 0).double().mean().item() == pytest.approx(probability, abs=5 * standard_error)
    assert dropped.double().mean().item() == pytest.approx(1, abs=5 * standard_error / (1 - probability))
    kept = 1 - round(probability * LEVELS) / LEVELS
    assert set(dropped.unique().tolist()) == {0.0, torch.tensor(1 / kept).item()}


def test_neighbours_share_a_random_number_and_yet_are_dropped_independently():
    torch.manual_seed(0)
    dropped = (quick_dropout(torch.ones(4_000_000), 0.5) == 0).view(-1, 4).double()
    patterns = (dropped @ torch.tensor([8.0, 4, 2, 1], dtype=torch.float64)).long().bincount(minlength=16) / 1_000_000
    torch.testing.assert_close(patterns, torch.full((16,), 1 / 16), rtol=0, atol=5 * (1 / 16 / 1e6) ** 0.5)


def test_its_gradient_is_that_of_what_it_kept():
    states = torch.ones(7, 9, requires_grad=True)  # 63 numbers: no multiple of the four that share a random one
    dropped = quick_dropout(states, 0.3)
    dropped.sum().backward()
    torch.testing.assert_close(states.grad, dropped.detach())  # of ones
    assert 0 < (states.grad == 0).sum() < 63


def test_a_seed_drops_the_same_and_another_seed_others():
    def drop(seed):
        torch.manual_seed(seed)
        return quick_dropout(torch.ones(100), 0.5)

    assert drop(1).equal(drop(1))
    assert not drop(1).equal(drop(2))


def test_it_keeps_the_type_and_drops_everything_or_nothing_where_asked():
    states = torch.randn(5, 3, dtype=torch.bfloat16)
    assert dropout(states, 0.5).dtype == torch.bfloat16
    assert dropout(states, 0) is states
    assert dropout(states, 1.0).eq(0).all()


def test_a_probability_that_is_rounded_to_0_or_to_1_drops_nothing_or_everything():
    states = torch.randn(100)
    assert quick_dropout(states, 0.4 / LEVELS).equal(states)
    assert quick_dropout(states, 1 - 0.4 / LEVELS).eq(0).all()
    assert 0 < quick_dropout(torch.ones(1_000_000), 1 / LEVELS).eq(0).sum() < 100
