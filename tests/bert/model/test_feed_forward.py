"""The feed-forward network: two layers, and it looks at each token alone."""

import torch

from bert.config import BertConfig
from bert.model.feed_forward import FeedForward

CONFIG = BertConfig(vocab_size=3, hidden_size=5, num_attention_heads=1, intermediate_size=11, num_hidden_layers=1)


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
