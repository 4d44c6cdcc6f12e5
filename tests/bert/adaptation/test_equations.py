"""A layer with each adapter is what a few lines of NumPy compute from the same numbers."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from bert.adaptation.adalora import AdaLora
from bert.adaptation.adapt import adapt
from bert.adaptation.houlsby import Houlsby
from bert.adaptation.ia3 import IA3
from bert.adaptation.lora import Lora
from bert.adaptation.matrices import ALL, MATRICES
from bert.adaptation.pfeiffer import Pfeiffer
from bert.adaptation.prefix import Prefix
from bert.model.dropout import Dropout
from bert.model.sequences import Sequences
from tests.bert.adaptation.models import CONFIG, logits_of, make_model, shaken

TOKENS = 7
SEQUENCES = Sequences(torch.tensor([0, TOKENS]), TOKENS)


def layer_of(method):
    """The second layer of an adapted model in float64, its parameters by name, and states to go into it."""
    model = make_model()
    adapt(model, method)
    layer = shaken(model).double().bert.encoder.layers[1]
    numbers = {name: parameter.detach().numpy() for name, parameter in layer.named_parameters()}
    return layer, numbers, np.random.default_rng(3).standard_normal((TOKENS, CONFIG.hidden_size))


@torch.no_grad()
def output_of(layer, states):
    states = torch.from_numpy(states)
    return layer(states, states, SEQUENCES, SEQUENCES)[0].numpy()


def gelu(x):
    return 0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def layer_norm(x, numbers, name):
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + CONFIG.layer_norm_eps)
    return x * numbers[f"{name}.weight"] + numbers[f"{name}.bias"]


def dense(x, numbers, name):
    return x @ numbers[f"{name}.weight"].T + numbers[f"{name}.bias"]


def layer(x, numbers, dense=dense, after=lambda h, name: h, last_norm=layer_norm, prefix=None):
    """An encoder layer of one sequence: ``dense`` is a matrix, ``after`` what stands behind each sublayer."""
    query, key, value = (dense(x, numbers, f"attention.{name}") for name in ("query", "key", "value"))
    if prefix is not None:
        key, value = np.concatenate([prefix[0], key]), np.concatenate([prefix[1], value])
    heads = []
    for q, k, v in zip(*(np.split(each, CONFIG.num_attention_heads, axis=1) for each in (query, key, value))):
        weights = np.exp(q @ k.T / math.sqrt(q.shape[1]))
        heads.append(weights / weights.sum(-1, keepdims=True) @ v)
    attended = dense(np.concatenate(heads, axis=1), numbers, "attention.output")
    x = layer_norm(x + after(attended, "attention.output"), numbers, "attention_norm")
    inner = dense(gelu(dense(x, numbers, "feed_forward.intermediate")), numbers, "feed_forward.output")
    return last_norm(x + after(inner, "feed_forward.output"), numbers, "feed_forward_norm")


def bottleneck(h, numbers, name, function):
    return dense(function(dense(h, numbers, f"{name}.adapter.down")), numbers, f"{name}.adapter.up")


def test_houlsby_adapters_stand_behind_both_sublayers_with_a_residual_sum():
    ours, numbers, x = layer_of(Houlsby(5))
    expected = layer(x, numbers, after=lambda h, name: h + bottleneck(h, numbers, name, gelu))
    np.testing.assert_allclose(output_of(ours, x), expected, atol=1e-10)
    assert np.abs(layer(x, numbers) - expected).max() > 0.1


def test_a_pfeiffer_adapter_reads_the_normalised_sum_and_is_added_to_the_sum():
    ours, numbers, x = layer_of(Pfeiffer(5))

    def twice(s, numbers, name):
        h = layer_norm(s, numbers, name)
        return layer_norm(s + bottleneck(h, numbers, name, lambda z: np.maximum(z, 0)), numbers, name)

    expected = layer(x, numbers, last_norm=twice)
    np.testing.assert_allclose(output_of(ours, x), expected, atol=1e-10)
    assert np.abs(layer(x, numbers) - expected).max() > 0.1


@pytest.mark.parametrize("targets", [("query", "value"), ALL, ("output",)], ids="-".join)
def test_lora_adds_a_scaled_product_of_two_matrices(targets):
    ours, numbers, x = layer_of(Lora(3, 5, targets))

    def with_product(x, numbers, name):
        if name not in [MATRICES[target] for target in targets]:
            return dense(x, numbers, name)
        return dense(x, numbers, name) + 5 / 3 * x @ numbers[f"{name}.lora_A"].T @ numbers[f"{name}.lora_B"].T

    expected = layer(x, numbers, with_product)
    np.testing.assert_allclose(output_of(ours, x), expected, atol=1e-10)
    assert np.abs(layer(x, numbers) - expected).max() > 0.1


def test_adalora_adds_a_scaled_decomposition():
    ours, numbers, x = layer_of(AdaLora(4, 2, 5))

    def with_product(x, numbers, name):
        p, value, q = (numbers[f"{name}.{part}"] for part in ("lora_B", "lora_E", "lora_A"))
        return dense(x, numbers, name) + 5 / (4 + 1e-5) * x @ (p @ np.diag(value[:, 0]) @ q).T

    np.testing.assert_allclose(output_of(ours, x), layer(x, numbers, with_product), atol=1e-10)


def test_ia3_scales_keys_values_and_the_hidden_states_of_the_feed_forward_network():
    ours, numbers, x = layer_of(IA3())

    def scaled(x, numbers, name):
        if name == "feed_forward.output":
            return dense(x * numbers[f"{name}.ia3_l"][0], numbers, name)
        factors = numbers[f"{name}.ia3_l"][:, 0] if f"{name}.ia3_l" in numbers else 1
        return dense(x, numbers, name) * factors

    np.testing.assert_allclose(output_of(ours, x), layer(x, numbers, scaled), atol=1e-10)
    assert np.abs(layer(x, numbers) - output_of(ours, x)).max() > 0.1


@pytest.mark.parametrize("projection_size", [None, 3])
def test_a_prefix_is_keys_and_values_before_those_of_the_text(projection_size):
    model = make_model()
    adapt(model, Prefix(5, projection_size))
    tables = shaken(model).double().bert.encoder.prefix
    numbers = {name: parameter.detach().numpy() for name, parameter in model.bert.encoder.layers[1].named_parameters()}
    table = tables.embeddings.detach().numpy()
    if projection_size is not None:
        whole = {name: parameter.detach().numpy() for name, parameter in tables.named_parameters()}
        table = dense(np.tanh(dense(table, whole, "down")), whole, "up")
    prefix = np.split(table, 2 * CONFIG.num_hidden_layers, axis=1)[2:4]
    x = np.random.default_rng(3).standard_normal((TOKENS, CONFIG.hidden_size))
    expected = layer(x, numbers, prefix=prefix)
    np.testing.assert_allclose(output_of(model.bert.encoder.layers[1], x), expected, atol=1e-10)
    assert np.abs(layer(x, numbers) - expected).max() > 0.1


@pytest.mark.parametrize("method", [Lora(), AdaLora(), IA3()], ids=lambda method: method.name)
def test_at_first_nothing_changes(method):
    model = make_model()
    before = logits_of(model)
    adapt(model, method)
    assert logits_of(model).equal(before)


@pytest.mark.parametrize(("method", "deviation"), [(Houlsby(64), 1e-3), (Pfeiffer(64), 0.02)])
def test_bottlenecks_start_small_and_cut_at_two_deviations(method, deviation):
    model = make_model()
    adapt(model, method)
    found = [module for name, module in model.named_modules() if name.endswith(("adapter.down", "adapter.up"))]
    assert len(found) == 2 * CONFIG.num_hidden_layers * (2 if method.name == "houlsby" else 1)
    weights = torch.cat([module.weight.flatten() for module in found])
    assert weights.abs().max() <= 2 * deviation
    assert weights.std().item() == pytest.approx(0.88 * deviation, rel=0.03)  # 0.88: of a normal one cut at two
    assert not any(module.bias.any() for module in found)


@pytest.mark.parametrize("method", [Houlsby(5), Lora(3, dropout=0.4), AdaLora(4, 2, dropout=0.4), Prefix(5)])
def test_dropout_is_there_while_it_trains_alone(method):
    model = make_model(CONFIG.replace(hidden_dropout_prob=0.3))
    adapt(model, method)
    shaken(model)
    assert logits_of(model).equal(logits_of(model))
    for name, module in model.named_modules():  # but for the adapter's own
        if isinstance(module, nn.Dropout) and ("encoder" not in name or name.endswith("layers.0.dropout")):
            module.p = 0.0
    model.train()
    assert not logits_of(model).equal(logits_of(model))


def test_houlsby_drops_out_once_per_sublayer_between_the_matrix_and_the_adapter():
    model = make_model(CONFIG.replace(hidden_dropout_prob=0.3))
    adapt(model, Houlsby(5))
    for layer in model.bert.encoder.layers:
        assert [module.p for module in layer.modules() if isinstance(module, Dropout)] == [0.3, 0.3]
        assert isinstance(layer.dropout, nn.Identity)
    linear = model.bert.encoder.layers[0].attention.output.train()
    seen = []
    linear.adapter.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    linear(torch.randn(11, 22))
    assert 0.15 < (seen[0] == 0).float().mean() < 0.45
