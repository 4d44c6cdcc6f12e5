"""The activations: GELU's two forms by their equations, and every name beside transformers."""

import math

import pytest
import torch

from bert import fast
from bert.activations import activation, gelu
from bert.config import EXACT_GELU, OTHER_ACTIVATIONS, TANH_GELU


def test_the_exact_form_is_x_times_the_normal_distribution():
    x = torch.linspace(-5, 5, 101, dtype=torch.float64)
    expected = [value * 0.5 * (1 + math.erf(value / math.sqrt(2))) for value in x.tolist()]
    torch.testing.assert_close(activation("gelu")(x), torch.tensor(expected, dtype=torch.float64))


def test_the_equation_of_gelu_is_pytorchs_kernel():
    x = torch.linspace(-5, 5, 101, dtype=torch.float64).requires_grad_()
    with fast.off():
        torch.testing.assert_close(gelu(x), torch.nn.functional.gelu(x))
        assert torch.autograd.gradcheck(gelu, x)


@pytest.mark.parametrize("name", TANH_GELU)
def test_the_tanh_form_is_the_published_approximation(name):
    x = torch.linspace(-5, 5, 101, dtype=torch.float64)
    expected = 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    torch.testing.assert_close(activation(name)(x), expected)
    assert not activation("gelu")(x).allclose(expected, atol=1e-5)


@pytest.mark.peers
@pytest.mark.parametrize("name", EXACT_GELU + TANH_GELU + OTHER_ACTIVATIONS)
def test_every_name_has_transformers_numbers(name):
    theirs = pytest.importorskip("transformers.activations").ACT2FN[name]
    x = torch.linspace(-20, 20, 401)
    torch.testing.assert_close(activation(name)(x), theirs(x), rtol=1e-5, atol=1e-6)
    others = [activation(other)(x) for other in ("relu", "silu", "quick_gelu", "gelu", "gelu_new")]
    assert sum(theirs(x).allclose(other, rtol=1e-5, atol=1e-6) for other in others) <= 1  # the control
