"""What steadies fine-tuning: fresh top layers, and rates that fall layer by layer."""

import pytest
import torch

from bert.config import BertConfig
from bert.heads.classification import BertForSequenceClassification
from bert.training.layer_wise import decay_learning_rate_by_layer, reinitialize_top_layers
from bert.training.optimizer import make_optimizer

CONFIG = BertConfig(31, 6, 3, 2, 5, max_position_embeddings=7)


def make_model():
    torch.manual_seed(0)
    model = BertForSequenceClassification(CONFIG)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 7.0  # no initial weight is near it
    return model


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_the_top_layers_and_the_pooler_are_initial_again_and_nothing_else(count):
    model, before = make_model(), make_model().state_dict()
    reinitialize_top_layers(model.bert, count)
    changed = {name for name, weight in model.state_dict().items() if not weight.equal(before[name])}
    prefixes = [f"bert.encoder.layers.{2 - number}." for number in range(count)] + ["bert.pooler."] * bool(count)
    assert changed == {name for name in before if name.startswith(tuple(prefixes))}
    for name in changed:
        weight = model.state_dict()[name]
        assert weight.abs().max() <= (1.0 if "norm" in name else 0.04)


@pytest.mark.parametrize("name", ["bert-adamw", "adamw"])
def test_each_layer_learns_at_a_part_of_the_rate_of_the_one_above(name):
    model = make_model()
    optimizer = make_optimizer(name, model, 0.1)
    decays = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    decay_learning_rate_by_layer(optimizer, model, 0.5)
    factors = {id(p): group["learning_rate_factor"] for group in optimizer.param_groups for p in group["params"]}
    expected = {"bert.embeddings": 0.5**4, "bert.encoder.layers.0": 0.5**3, "bert.encoder.layers.1": 0.25,
                "bert.encoder.layers.2": 0.5, "bert.pooler": 1.0, "classifier": 1.0}  # fmt: skip
    for parameter_name, parameter in model.named_parameters():
        (part,) = [part for part in expected if parameter_name.startswith(part)]
        assert factors[id(parameter)] == expected[part], parameter_name
    after = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert after == decays
    assert sum(len(group["params"]) for group in optimizer.param_groups) == len(list(model.parameters()))


def test_a_decayed_optimizer_can_be_saved_and_goes_on():
    model = make_model()
    optimizer = make_optimizer("bert-adamw", model, 0.1)
    decay_learning_rate_by_layer(optimizer, model, 0.9)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    other = make_optimizer("bert-adamw", model, 0.1)
    decay_learning_rate_by_layer(other, model, 0.9)
    other.load_state_dict(optimizer.state_dict())
    assert [group["learning_rate_factor"] for group in other.param_groups] == [
        group["learning_rate_factor"] for group in optimizer.param_groups
    ]
