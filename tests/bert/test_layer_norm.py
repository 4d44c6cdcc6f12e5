"""LayerNorm: the equation beside PyTorch's, and the module beside torch.nn's."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from bert import fast
from bert.layer_norm import LayerNorm, layer_norm

EPS = 1e-3


def numbers(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(len(shape)), dtype=torch.float64)


@pytest.mark.parametrize("shape", [(5, 7), (2, 3, 7)])
def test_the_equation_is_pytorchs(shape):
    states, weight, bias = 3 * numbers(*shape) + 2, numbers(7), numbers(1, 7)[0]
    with fast.off():
        ours = layer_norm(states, weight, bias, EPS)
    torch.testing.assert_close(ours, F.layer_norm(states, (7,), weight, bias, EPS))
    assert not ours.allclose(F.layer_norm(states, (7,), weight, bias, 10 * EPS))  # the control


def test_each_token_has_its_own_mean_and_variance():
    states = numbers(5, 7)
    with fast.off():
        whole = layer_norm(states, torch.ones(7), torch.zeros(7), EPS)
        assert torch.equal(layer_norm(states[2:3], torch.ones(7), torch.zeros(7), EPS), whole[2:3])
    torch.testing.assert_close(whole.mean(-1), torch.zeros(5).double(), rtol=0, atol=1e-12)
    assert (whole.mean(0).abs() > 0.01).all()


def test_the_equations_gradient_is_that_of_finite_differences():
    inputs = [each.requires_grad_() for each in (numbers(3, 5), numbers(5), numbers(1, 5)[0])]
    with fast.off():
        assert torch.autograd.gradcheck(lambda *inputs: layer_norm(*inputs, EPS), inputs)


def test_the_module_gives_bit_for_bit_what_torchs_does():
    ours, theirs = LayerNorm(7, eps=EPS), nn.LayerNorm(7, eps=EPS)
    assert isinstance(ours, nn.LayerNorm) and ours.state_dict().keys() == theirs.state_dict().keys()
    states = numbers(5, 7).float()
    assert torch.equal(ours(states), theirs(states))
