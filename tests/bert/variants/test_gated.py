"""The gated feed-forward network: W2 (act(W1 x) * V x), with as many parameters as the paper's."""

import pytest
import torch
from torch.nn import functional as F

from bert.config import BertConfig
from bert.model.feed_forward import FeedForward
from bert.variants.gated import GatedFeedForward, gated_size

SIZES = {"hidden_size": 7, "num_attention_heads": 1, "intermediate_size": 25}


@pytest.mark.parametrize(("name", "act"), [("gelu", F.gelu), ("silu", F.silu)])
def test_half_of_the_hidden_numbers_gate_the_other_half(name, act):
    module, x = GatedFeedForward(BertConfig(**SIZES, hidden_act=name)), torch.randn(5, 7)
    (gate, passing), (gate_bias, passing_bias) = (
        module.intermediate.weight.split(16),
        module.intermediate.bias.split(16),
    )
    hidden = act(x @ gate.T + gate_bias) * (x @ passing.T + passing_bias)
    torch.testing.assert_close(module(x), hidden @ module.output.weight.T + module.output.bias)
    assert not module(x).allclose((act(x @ passing.T) * (x @ gate.T)) @ module.output.weight.T, atol=1e-3)


def test_it_has_the_parameters_of_the_papers_network_to_a_hundredth():
    for size in ("tiny", "mini", "base", "large"):
        config = getattr(BertConfig, size)()
        with torch.device("meta"):
            modules = GatedFeedForward(config), FeedForward(config)
        counts = [sum(weight.numel() for weight in module.parameters()) for module in modules]
        assert abs(counts[0] / counts[1] - 1) < 0.01, size
    assert [gated_size(size) for size in (1, 512, 1024, 3072)] == [8, 344, 680, 2048]


def test_gradients_are_right():
    module = GatedFeedForward(BertConfig(**SIZES)).double()
    assert torch.autograd.gradcheck(module, torch.randn(2, 7, dtype=torch.float64, requires_grad=True))
