"""The feed-forward network: its two forms of GELU, and that it looks at each token alone."""

import math

import pytest
import torch

from bert.config import BertConfig
from bert.model.feed_forward import FeedForward, gelu

CONFIG = BertConfig(vocab_size=3, hidden_size=5, num_attention_heads=1, intermediate_size=11, num_hidden_layers=1)


def test_the_exact_form_is_x_times_the_normal_distribution():
    x = torch.linspace(-5, 5, 101, dtype=torch.float64)
    expected = [value * 0.5 * (1 + math.erf(value / math.sqrt(2))) for value in x.tolist()]
    torch.testing.assert_close(gelu("gelu")(x), torch.tensor(expected, dtype=torch.float64))


@pytest.mark.parametrize("name", ["gelu_new", "gelu_pytorch_tanh", "gelu_fast"])
def test_the_tanh_form_is_the_published_approximation(name):
    x = torch.linspace(-5, 5, 101, dtype=torch.float64)
    expected = 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    torch.testing.assert_close(gelu(name)(x), expected)
    assert not gelu("gelu")(x).allclose(expected, atol=1e-5)


def test_it_is_two_layers_around_gelu():
    network, x = FeedForward(CONFIG), torch.randn(2, 3, 5)
    up, down = network.intermediate, network.output
    expected = torch.nn.functional.gelu(x @ up.weight.T + up.bias) @ down.weight.T + down.bias
    torch.testing.assert_close(network(x), expected)


def test_a_token_does_not_see_its_neighbours():
    network, x = FeedForward(CONFIG), torch.randn(1, 3, 5)
    changed = x.clone()
    changed[0, 1] += 1
    before, after = network(x), network(changed)
    torch.testing.assert_close(before[0, [0, 2]], after[0, [0, 2]])
    assert not before[0, 1].allclose(after[0, 1])
