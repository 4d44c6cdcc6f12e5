"""A dense layer in 8 bits: the equation in NumPy's whole numbers, and the operator that computes it sooner."""

import numpy as np
import pytest
import torch
from torch import nn

from bert import fast
from bert.fast import eight_bits
from bert.quantization.linear import QuantizedLinear, WholeStates, dense
from bert.quantization.rows import quantize_rows

needs_operator = pytest.mark.skipif(not eight_bits.is_exact(), reason="this CPU adds up large products inexactly")


def layer(inputs: int = 131, outputs: int = 13, bias: bool = True) -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(inputs, outputs, bias)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("form", [fast.off, pytest.param(torch.inference_mode, marks=needs_operator)])
def test_it_is_the_equation_in_whole_numbers(bias, form):
    """Also on more than one register of columns, and with one token or none."""
    linear = layer(bias=bias)
    for tokens in (7, 1, 0):
        states = torch.randn(tokens, 131) * torch.logspace(-3, 3, tokens)[:, None]
        with form():
            found = QuantizedLinear(linear)(states)
        (x, s), (v, t) = (
            [each.numpy() for each in quantize_rows(values)] for values in (states, linear.weight.detach())
        )
        product = x.astype(np.int64) @ v.astype(np.int64).T  # no sum of whole numbers is rounded
        expected = product * s.astype(np.float64)[:, None] * t.astype(np.float64)
        if bias:
            expected = expected + linear.bias.detach().double().numpy()
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-6)


def test_it_is_close_to_the_layer_in_float32():
    linear, states = layer(), torch.randn(7, 131)
    expected = linear(states)
    error = (QuantizedLinear(linear)(states) - expected).abs().max() / expected.abs().max()
    assert 1e-4 < error < 0.02  # the control: something is lost


@needs_operator
def test_the_operator_adds_up_the_largest_sums_exactly():
    """Width 3072 is the feed-forward network's of BERT base. Pairs of these products do not fit into 16 bits."""
    for sign in (1, -1):
        whole = torch.full((3, 3_072), sign * 127, dtype=torch.int8)
        weight = torch.full((16, 3_072), 127, dtype=torch.int8)
        packed = eight_bits.pack(weight)
        assert packed.is_mkldnn
        assert packed.to_dense().equal(weight.mT)
        product = dense(whole, torch.ones(3), packed, torch.ones(16))
        assert (product == sign * 3_072 * 127**2).all()


def test_without_an_exact_operator_the_equation_runs(monkeypatch):
    monkeypatch.setattr(eight_bits, "is_exact", lambda: False)
    quantized = QuantizedLinear(layer())
    assert quantized.weight.dtype == torch.int8
    assert not quantized.weight.is_mkldnn
    states = torch.randn(7, 131)
    with fast.off():
        expected = quantized(states)
    assert quantized(states).equal(expected)


def test_an_operator_that_overflows_is_found(monkeypatch):
    """As on a CPU without VNNI: pairs of products, of states without a sign, are cut off at 16 bits."""

    def cut_off(whole, weight, weight_scales):
        products = (whole.int()[:, None] + 128) * weight.int()  # (tokens, out, in)
        pairs = products.unflatten(2, (-1, 2)).sum(dim=3).clamp(-(2**15), 2**15 - 1)
        return (pairs.sum(dim=2) - 128 * weight.int().sum(dim=1)) * weight_scales

    monkeypatch.setattr(eight_bits, "_product", cut_off)
    monkeypatch.setattr(eight_bits, "_packed", lambda weight: weight)
    assert not eight_bits.is_exact.__wrapped__()


def test_states_that_are_in_whole_numbers_already_give_the_same():
    quantized, states = QuantizedLinear(layer()), torch.randn(7, 131)
    assert quantized(WholeStates(*quantize_rows(states))).equal(quantized(states))


def test_a_padded_batch_gets_what_its_tokens_get_end_to_end():
    quantized, states = QuantizedLinear(layer()), torch.randn(3, 5, 131)
    assert quantized(states).flatten(0, 1).equal(quantized(states.flatten(0, 1)))


def test_a_number_that_is_none_spoils_its_own_token_alone():
    quantized, states = QuantizedLinear(layer()), torch.randn(3, 131)
    expected = quantized(states)
    states[1, 5] = torch.nan
    found = quantized(states)
    assert found[1].isnan().all()
    assert found[::2].equal(expected[::2])
