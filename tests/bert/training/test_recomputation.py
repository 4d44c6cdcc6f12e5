"""Gradient checkpointing: the same losses and gradients, and nothing left of it afterwards."""

import pytest
import torch

from bert.config import BertConfig
from bert.heads.pretraining import BertForPreTraining
from bert.model.encoder import EncoderLayer
from bert.training.recomputation import recomputed_layers
from pretraining.planning import random_batch

CONFIG = BertConfig.of_size(3, 64, vocab_size=90, hidden_dropout_prob=0.1)


def gradients(model, batch):
    torch.manual_seed(3)  # of dropout
    loss = model.losses(batch)["masked_lm"].sum
    loss.backward()
    found = [loss.detach(), *(parameter.grad for parameter in model.bert.parameters() if parameter.grad is not None)]
    model.zero_grad(set_to_none=True)
    return found


def test_a_layer_is_computed_twice_to_the_same_gradients(monkeypatch):
    calls, forward = [], EncoderLayer.forward

    def counted(layer, *inputs, **named):
        calls.append(layer)
        return forward(layer, *inputs, **named)

    monkeypatch.setattr(EncoderLayer, "forward", counted)
    model, batch = BertForPreTraining(CONFIG).train(), random_batch(CONFIG, 5, 17, nsp=False)
    expected = gradients(model, batch)
    assert len(calls) == 3
    with recomputed_layers(model):
        again = gradients(model, batch)
        assert len(calls) == 9
        with torch.no_grad():
            model.losses(batch)
        assert len(calls) == 12
    assert all(a.equal(b) for a, b in zip(expected, again, strict=True))


def test_afterwards_the_model_is_as_it_was():
    model = BertForPreTraining(CONFIG)
    first, second = model.bert.encoder.layers[:2]
    first.forward = compiled = torch.compile(first.forward)
    with pytest.raises(KeyError), recomputed_layers(model):
        assert first.forward is not compiled
        raise KeyError
    assert first.forward is compiled
    assert "forward" not in vars(second)
