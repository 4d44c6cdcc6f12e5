"""Muon against singular values in NumPy and torch's Muon; and which parameters it gets."""

import contextlib
import copy

import numpy as np
import pytest
import torch
from torch import nn

from bert import fast
from bert.adaptation.adapt import adapt
from bert.adaptation.houlsby import Houlsby
from bert.adaptation.lora import Lora
from bert.adaptation.pfeiffer import Pfeiffer
from bert.config import BertConfig
from bert.errors import InputError
from bert.heads.pretraining import BertForPreTraining
from bert.training.muon import ITERATIONS, Muon, muon_groups, newton_schulz, orthogonalized
from bert.training.optimizer import BertAdamW, make_optimizer, parameter_groups

CONFIG = BertConfig(11, 6, 2, 2, 5, max_position_embeddings=7)


def normal(*shape, seed=0, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def with_gradients(model, seed=0, factor=1.0):
    for number, parameter in enumerate(model.parameters()):
        parameter.grad = factor * normal(*parameter.shape, seed=100 * seed + number, dtype=parameter.dtype)
    return model


# ---- orthogonal matrices ----


def quintic(s):
    """What the iterations make of a singular value."""
    for _ in range(5):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    return s


@pytest.mark.parametrize("shape", [(7, 13), (13, 7), (5, 5), (1, 3)])
def test_the_iterations_change_singular_values_alone_as_the_polynomial_says(shape):
    matrix = normal(*shape).numpy()
    u, s, vt = np.linalg.svd(matrix, full_matrices=False)
    expected = u * quintic(s / np.linalg.norm(matrix)) @ vt
    np.testing.assert_allclose(newton_schulz(torch.from_numpy(matrix), ITERATIONS).numpy(), expected, atol=1e-5)
    assert not np.allclose(u @ vt, expected, atol=1e-2)  # U V^T itself is only near


def test_singular_values_end_near_1_if_none_is_tiny():
    ends = quintic(np.linspace(0.002, 1, 10_001))
    assert 0.68 < ends.min() < 0.7 < 1.2 < ends.max() < 1.21
    matrix = normal(31, 53)
    values = np.linalg.svd(newton_schulz(matrix, ITERATIONS).numpy(), compute_uv=False)
    assert values.min() > 0.68
    assert values.max() < 1.21
    assert np.ptp(np.linalg.svd(matrix.numpy(), compute_uv=False)) > 5  # the control


def test_scale_and_transposition_do_not_matter_and_zeros_stay():
    matrix = normal(7, 13)
    torch.testing.assert_close(
        newton_schulz(1e3 * matrix, ITERATIONS), newton_schulz(matrix, ITERATIONS), rtol=1e-5, atol=1e-6
    )
    torch.testing.assert_close(newton_schulz(matrix.mT, ITERATIONS), newton_schulz(matrix, ITERATIONS).mT)
    assert newton_schulz(torch.zeros(3, 5), ITERATIONS).equal(torch.zeros(3, 5))


@pytest.mark.parametrize(("dtype", "error"), [(torch.float64, 1e-12), (torch.bfloat16, 0.1)])
def test_matrices_together_are_what_each_is_alone(dtype, error):
    shapes = [(5, 7), (7, 5), (5, 5), (5, 7), (3, 7), (131, 137)]
    matrices = [normal(*shape, seed=number).to(dtype) for number, shape in enumerate(shapes)]
    for some in (matrices[:-1], matrices):  # with the last one, the kernel leaves them to the plain form
        together = orthogonalized(some, ITERATIONS)
        with fast.off():
            alone = orthogonalized(some, ITERATIONS)
        for one, other in zip(together, alone, strict=True):
            assert (one - other).norm() <= error * other.norm()
    assert (alone[0] - alone[3]).norm() > 0.1  # the control


# ---- updates ----


def muon_of(parameters, lr=0.1, decay=0.3, **options):
    return Muon([{"params": parameters, "weight_decay": decay, "orthogonal": True}], lr, **options)


@pytest.mark.parametrize("shape", [(5, 13), (13, 5)])
@pytest.mark.parametrize("kernels", [contextlib.nullcontext, fast.off])
def test_an_update_is_the_equations(shape, kernels):
    weight = nn.Parameter(normal(*shape, seed=99))
    expected, momentum = weight.detach().numpy().copy(), np.zeros(shape)
    optimizer = muon_of([weight])
    for step in range(3):
        gradient = normal(*shape, seed=step).numpy()
        momentum = 0.95 * momentum + 0.05 * gradient
        direction = 0.95 * momentum + 0.05 * gradient
        u, s, vt = np.linalg.svd(direction, full_matrices=False)
        update = 0.2 * 13**0.5 * (u * quintic(s / np.linalg.norm(direction)) @ vt)
        expected = expected - 0.1 * (update + 0.3 * expected)
        weight.grad = torch.from_numpy(gradient)
        with kernels():
            optimizer.step()
    np.testing.assert_allclose(weight.detach().numpy(), expected, atol=1e-5)


def test_torchs_muon_computes_the_same():
    """In bfloat16, as torch's always does."""
    ours, torchs = (
        nn.ParameterList([nn.Parameter(normal(*shape, seed=9).float()) for shape in ((7, 13), (13, 7))])
        for _ in range(2)
    )
    optimizers = (
        muon_of(list(ours), dtype=torch.bfloat16),
        torch.optim.Muon(torchs.parameters(), lr=0.1, weight_decay=0.3, adjust_lr_fn="match_rms_adamw"),
    )
    start = ours[0].detach().clone()
    for step in range(3):
        for model, optimizer in zip((ours, torchs), optimizers, strict=True):
            with_gradients(model, seed=step)
            optimizer.step()
    for one, other in zip(ours, torchs, strict=True):
        torch.testing.assert_close(one, other, rtol=0.01, atol=0.01)
    assert not torch.allclose(start, ours[0], rtol=0.01, atol=0.01)


def test_in_fp16_a_small_gradient_does_not_vanish():
    gradient, updates = normal(7, 13).float(), []
    for dtype, factor in ((torch.float32, 1.0), (torch.float16, 1e-8)):
        weight = nn.Parameter(torch.zeros(7, 13))
        weight.grad = factor * gradient
        muon_of([weight], lr=1.0, dtype=dtype).step()
        updates.append(weight.detach())
    assert (updates[1] - updates[0]).norm() < 0.02 * updates[0].norm()  # the scale of a gradient does not matter
    assert not (1e-8 * (1 - 0.95**2) * gradient).half().any()  # the control: its momentum in fp16


def test_an_update_has_the_size_of_adamws():
    weight = nn.Parameter(torch.zeros(40, 120))
    weight.grad = normal(40, 120).float()
    muon_of([weight], lr=1.0).step()
    assert 0.15 < weight.square().mean().sqrt() < 0.25


def test_all_other_parameters_get_berts_adamw():
    model, plain = (BertForPreTraining(CONFIG) for _ in range(2))
    plain.load_state_dict(model.state_dict())
    matrices = {id(parameter) for parameter in muon_groups(model)[0]["params"]}
    for step in range(2):
        for each, optimizer in ((model, "muon"), (plain, "bert-adamw")):
            if step == 0:
                each.optimizer = make_optimizer(optimizer, each, 0.01)
            with_gradients(each, seed=step)
            each.optimizer.step()
    for one, other in zip(model.parameters(), plain.parameters(), strict=True):
        assert one.equal(other) == (id(one) not in matrices)


def test_a_few_matrices_at_a_time_are_updated_as_all_together_are(monkeypatch):
    together, in_parts, start = (BertForPreTraining(CONFIG) for _ in range(3))
    for model in (together, in_parts):
        model.load_state_dict(start.state_dict())
    for model, at_once in ((together, 12), (in_parts, 5)):
        monkeypatch.setattr("bert.training.muon.AT_ONCE", at_once)
        make_optimizer("muon", with_gradients(model), 0.1).step()
    for one, other, control in zip(together.parameters(), in_parts.parameters(), start.parameters(), strict=True):
        torch.testing.assert_close(one, other)
        assert not torch.allclose(one, control, rtol=1e-3)


# ---- which parameters ----


def names_of(model, parameters):
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return {names[id(parameter)] for parameter in parameters}


def test_it_gets_the_six_matrices_of_each_layer_and_nothing_else():
    model = BertForPreTraining(CONFIG)
    muons, decayed, spared = muon_groups(model)
    parts = ["attention.query", "attention.key", "attention.value", "attention.output"]
    parts += ["feed_forward.intermediate", "feed_forward.output"]
    assert names_of(model, muons["params"]) == {
        f"bert.encoder.layers.{layer}.{part}.weight" for layer in range(2) for part in parts
    }
    both = parameter_groups(model)
    assert {*map(id, muons["params"]), *map(id, decayed["params"])} == set(map(id, both[0]["params"]))
    assert [group["weight_decay"] for group in (muons, decayed, spared)] == [0.01, 0.01, 0.0]
    assert list(map(id, spared["params"])) == list(map(id, both[1]["params"]))


@pytest.mark.parametrize("method", [Lora(rank=2), Houlsby(size=2), Pfeiffer(size=2)], ids=lambda method: method.name)
def test_adapters_are_left_to_adamw(method):
    model = BertForPreTraining(CONFIG)
    before = names_of(model, muon_groups(model)[0]["params"])
    adapt(model, method)
    with pytest.raises(InputError, match="--optimizer muon: it updates the matrices of the encoder's layers, and this"):
        muon_groups(model)  # the body is frozen
    model.requires_grad_(True)
    assert names_of(model, muon_groups(model)[0]["params"]) == before


# ---- overflow and state ----


@pytest.mark.parametrize("kernels", [contextlib.nullcontext, fast.off])
def test_an_update_whose_scaled_gradients_overflow_changes_nothing(kernels):
    model = BertForPreTraining(CONFIG)
    optimizer = make_optimizer("muon", model, 0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    scaler.scale(torch.ones(()))  # it begins with its first loss
    for factor in (1.0, float("inf"), 1.0):
        before = copy.deepcopy([model.state_dict(), optimizer.state_dict()["state"]])
        with_gradients(model, factor=factor)
        scaler.unscale_(optimizer)
        with kernels():
            scaler.step(optimizer)
        scaler.update()
        after = [model.state_dict(), optimizer.state_dict()["state"]]
        if factor == 1.0:
            assert not any(after[0][name].equal(before[0][name]) for name, _ in model.named_parameters())
        else:
            torch.testing.assert_close(after, before, rtol=0, atol=0)
    assert scaler.get_scale() == 2.0


def test_its_state_goes_into_a_checkpoint_and_back_and_has_one_tensor_for_a_matrix():
    first, second = (BertForPreTraining(CONFIG) for _ in range(2))
    optimizers = [make_optimizer("muon", model, 0.1) for model in (first, second)]
    with_gradients(first, seed=1)
    optimizers[0].step()
    second.load_state_dict(first.state_dict())
    without = copy.deepcopy(second)
    optimizers[1].load_state_dict(copy.deepcopy(optimizers[0].state_dict()))
    optimizers.append(make_optimizer("muon", without, 0.1))
    for model, optimizer in zip((first, second, without), optimizers, strict=True):
        with_gradients(model, seed=2)
        optimizer.step()
    for one, other, control in zip(first.parameters(), second.parameters(), without.parameters(), strict=True):
        assert one.equal(other)
        assert not one.equal(control)
    for group in optimizers[0].param_groups:
        names = {"momentum"} if group.get("orthogonal") else {"m", "v"}
        assert all(optimizers[0].state[parameter].keys() == names for parameter in group["params"])


def test_it_is_a_berts_adamw_that_takes_no_closure():
    optimizer = make_optimizer("muon", BertForPreTraining(CONFIG), 0.1)
    assert isinstance(optimizer, BertAdamW)
    with pytest.raises(ValueError, match="takes no closure"):
        optimizer.step(lambda: 0.0)
