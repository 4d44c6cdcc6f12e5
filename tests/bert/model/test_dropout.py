"""Dropout happens in training alone."""

import torch

from bert import fast
from bert.model.dropout import Dropout


def test_a_model_that_does_not_train_drops_nothing():
    layer, states = Dropout(0.5), torch.randn(100)
    assert not layer(states).equal(states)
    assert layer.eval()(states) is states


def test_the_plain_form_is_pytorchs():
    states = torch.randn(100)
    with fast.off():
        torch.manual_seed(0)
        dropped = Dropout(0.3)(states)
    torch.manual_seed(0)
    assert dropped.equal(torch.nn.functional.dropout(states, 0.3))
