"""BERT's AdamW against the equations in NumPy, and against torch's, from which it departs in one thing."""

import contextlib
import copy

import numpy as np
import pytest
import torch
from torch import nn

from bert import fast
from bert.config import BertConfig
from bert.heads.pretraining import BertForPreTraining
from bert.training.optimizer import BertAdamW, make_optimizer, parameter_groups


def gradients(steps=7, shape=(5, 3)):
    generator = np.random.default_rng(0)
    return [generator.normal(size=shape) for _ in range(steps)]


def run(optimizer_class, **options):
    parameter = nn.Parameter(torch.arange(15, dtype=torch.float64).reshape(5, 3) / 10)
    optimizer = optimizer_class([parameter], **options)
    for gradient in gradients():
        parameter.grad = torch.from_numpy(gradient)
        optimizer.step()
    return parameter.detach().numpy()


@pytest.mark.parametrize("kernels", [contextlib.nullcontext, fast.off])
def test_it_is_the_equations_of_google_without_bias_correction(kernels):
    parameter = np.arange(15, dtype=np.float64).reshape(5, 3) / 10
    m, v = np.zeros_like(parameter), np.zeros_like(parameter)
    for gradient in gradients():
        m = 0.9 * m + 0.1 * gradient
        v = 0.999 * v + 0.001 * gradient**2
        parameter = parameter - 0.01 * (m / (np.sqrt(v) + 1e-6) + 0.1 * parameter)
    with kernels():
        np.testing.assert_allclose(run(BertAdamW, lr=0.01, weight_decay=0.1), parameter, rtol=1e-9)
        assert not np.allclose(run(BertAdamW, lr=0.01, weight_decay=0.0), parameter, rtol=1e-3)


def test_torchs_differs_by_its_bias_correction():
    ours, torchs = (
        run(optimizer, lr=0.01, weight_decay=0.0, betas=(0.9, 0.999), eps=1e-6)
        for optimizer in (BertAdamW, torch.optim.AdamW)
    )
    assert not np.allclose(ours, torchs, rtol=1e-2)


def test_the_first_update_is_three_times_adams():
    parameter = nn.Parameter(torch.zeros(1))
    parameter.grad = torch.ones(1)
    BertAdamW([parameter], lr=1.0, weight_decay=0.0).step()
    assert abs(parameter.item() + 0.1 / 0.001**0.5) < 1e-3


def test_biases_and_layer_norms_alone_are_not_decayed():
    model = BertForPreTraining(BertConfig(11, 6, 2, 2, 5, max_position_embeddings=7))
    decayed, spared = parameter_groups(model)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    spared_names = {names[id(parameter)] for parameter in spared["params"]}
    assert all(name.endswith("bias") or "norm" in name for name in spared_names)
    assert not any(names[id(p)].endswith("bias") or "norm" in names[id(p)] for p in decayed["params"])
    assert len(decayed["params"]) + len(spared["params"]) == len(names)
    assert "masked_language_model.bias" in spared_names
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.01, 0.0)


def test_frozen_parameters_are_left_out():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[0].requires_grad_(False)
    assert sum(len(group["params"]) for group in parameter_groups(model)) == 2


def test_optimizers_go_by_their_names():
    model = nn.Linear(3, 3)
    assert isinstance(make_optimizer("bert-adamw", model, 1e-3), BertAdamW)
    assert isinstance(make_optimizer("adamw", model, 1e-3), torch.optim.AdamW)
    with pytest.raises(ValueError, match="sgd"):
        make_optimizer("sgd", model, 1e-3)


def test_its_state_goes_into_a_checkpoint_and_back():
    first, second = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(3))
    optimizers = [BertAdamW([parameter], lr=0.1) for parameter in (first, second)]
    first.grad = torch.tensor([1.0, 2.0, 3.0])
    optimizers[0].step()
    second.data.copy_(first.data)
    optimizers[1].load_state_dict(copy.deepcopy(optimizers[0].state_dict()))
    for parameter, optimizer in zip((first, second), optimizers):
        parameter.grad = torch.tensor([3.0, 2.0, 1.0])
        optimizer.step()
    assert first.equal(second)


@pytest.mark.parametrize("kernels", [contextlib.nullcontext, fast.off])
def test_an_update_whose_scaled_gradients_overflow_changes_nothing(kernels):
    model = torch.nn.Linear(3, 2)
    optimizer = BertAdamW(parameter_groups(model), lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    inputs = torch.ones(1, 3)
    for factor in (1.0, float("inf"), 1.0):
        before = [parameter.detach().clone() for parameter in model.parameters()]
        scaler.scale(model(inputs).sum() * factor).backward()
        scaler.unscale_(optimizer)
        with kernels():
            scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()
        healthy = factor == 1.0
        for old, new in zip(before, model.parameters(), strict=True):
            assert torch.equal(old, new) != healthy
    assert scaler.get_scale() == 2.0


@pytest.mark.parametrize("name", ["bert-adamw", "adamw"])
def test_both_have_googles_constants(name):
    """google-research/bert optimization.py, create_optimizer."""
    for group, decay in zip(make_optimizer(name, nn.Sequential(nn.Linear(3, 3)), 1e-3).param_groups, (0.01, 0.0)):
        assert (group["lr"], group["betas"], group["eps"], group["weight_decay"]) == (1e-3, (0.9, 0.999), 1e-6, decay)


@pytest.mark.parametrize("name", ["bert-adamw", "adamw", "muon"])
def test_another_weight_decay_reaches_all_that_is_decayed(name):
    model = BertForPreTraining(BertConfig(11, 6, 2, 2, 5, max_position_embeddings=7))
    usual, others = (make_optimizer(name, model, 1e-3, **more).param_groups for more in ({}, {"weight_decay": 0.3}))
    assert {group["weight_decay"] for group in usual} == {0.01, 0.0}
    assert [group["weight_decay"] for group in others] == [30 * group["weight_decay"] for group in usual]
    assert [len(group["params"]) for group in others] == [len(group["params"]) for group in usual]


def test_layer_norms_are_not_decayed_whatever_they_are_called():
    model = nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 3), nn.LayerNorm(3))
    decayed, spared = parameter_groups(model)
    assert [tuple(each.shape) for each in decayed["params"]] == [(5, 3), (3, 3)]
    assert [tuple(each.shape) for each in spared["params"]] == [(3,)] * 3


def test_scales_that_start_at_1_are_not_decayed_and_what_starts_at_0_is():
    module = torch.nn.Linear(3, 5)
    module.ia3_l, module.lora_E = torch.nn.Parameter(torch.ones(5, 1)), torch.nn.Parameter(torch.zeros(2, 1))
    decayed, others = parameter_groups(module)
    assert {id(each) for each in decayed["params"]} == {id(module.weight), id(module.lora_E)}
    assert {id(each) for each in others["params"]} == {id(module.bias), id(module.ia3_l)}
