"""Precision: chosen by what the device can do, and named with its reason."""

import pytest
import torch

from bert.errors import InputError
from bert.training.precision import Precision, choose_precision

CPU = torch.device("cpu")


@pytest.mark.parametrize(("has_bf16", "name"), [(True, "bf16"), (False, "fp32")])
def test_auto_takes_bf16_where_the_cpu_computes_in_it(monkeypatch, has_bf16, name):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: has_bf16)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    precision = choose_precision("auto", CPU)
    assert precision.name == name
    assert "chosen" in precision.reason


@pytest.mark.parametrize(("hidden_size", "name"), [(64, "fp32"), (127, "fp32"), (128, "bf16"), (768, "bf16")])
def test_auto_takes_fp32_for_a_narrow_model_on_a_cpu(monkeypatch, hidden_size, name):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True)
    assert choose_precision("auto", CPU, hidden_size).name == name
    assert choose_precision("bf16", CPU, hidden_size).name == "bf16"


def test_what_is_asked_for_is_done():
    assert choose_precision("fp32", CPU).name == "fp32"
    assert choose_precision("bf16", CPU).name == "bf16"


def test_fp16_on_a_cpu_is_refused():
    with pytest.raises(InputError, match="fp16 needs a CUDA GPU"):
        choose_precision("fp16", CPU)


def test_autocast_computes_products_in_the_16_bit_type():
    weight, x = torch.randn(3, 3), torch.randn(3, 3)
    for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        with choose_precision(name, CPU).autocast():
            assert (x @ weight).dtype == dtype


@pytest.mark.parametrize(("name", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_layer_norms_hand_on_the_type_of_products(name, dtype):
    precision, model = choose_precision(name, CPU), torch.nn.Sequential(torch.nn.LayerNorm(5), torch.nn.Linear(5, 3))
    precision.prepare(model)
    with precision.autocast():
        assert model[0](torch.randn(2, 5)).dtype == dtype
    assert model[0](torch.randn(2, 5)).dtype == torch.float32  # outside of training
    assert bool(model[0]._forward_hooks) == (name != "fp32")


def test_the_scaler_scales_fp16_alone():
    assert not choose_precision("fp32", CPU).gradient_scaler().is_enabled()
    assert not choose_precision("bf16", CPU).gradient_scaler().is_enabled()
    assert Precision("fp16", "cpu", "").gradient_scaler().is_enabled()
