"""Each kernel gives the values and the gradients of the plain form that it replaces."""

import inspect
import re
from importlib import import_module

import pytest
import torch

import bert.generation.cache
import bert.heads.loss
import bert.model.attention
import bert.model.dropout
import bert.quantization.linear
import bert.training.muon
import bert.training.optimizer  # every room with a plain form is imported
from bert import fast
from bert.activations import gelu
from bert.generation.stepwise import largest
from bert.heads.batch import sequences_of
from bert.heads.loss import IGNORE_INDEX, vocabulary_cross_entropy
from bert.layer_norm import layer_norm
from bert.model.attention import attend
from bert.model.dropout import dropout
from bert.model.sequences import Sequences
from bert.variants.rms_norm import rms_norm


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape))).requires_grad_()


def attention(from_sequences: Sequences, to_sequences: Sequences, causal: bool = False):
    query, key, value = (normal(int(each.boundaries[-1]), 3, 7) for each in (from_sequences, *[to_sequences] * 2))
    return [query, key, value], lambda: attend(query, key, value, from_sequences, to_sequences, causal=causal)[0]


def vocabulary_loss():
    states, table, bias = normal(11, 5), normal(2_051, 5), normal(2_051)
    labels = torch.randint(2_051, (11,), generator=torch.Generator().manual_seed(1))
    labels[2] = IGNORE_INDEX
    return [states, table, bias], lambda: vocabulary_cross_entropy(states, table, bias, labels).sum


def attention_in_rows(rows: int, keys: int, is_padded: bool):
    query, key, value = normal(rows, 3, 2, 7), normal(rows, 3, keys, 7), normal(rows, 3, keys, 7)
    mask = torch.arange(keys) < torch.arange(1, rows + 1)[:, None, None, None] if is_padded else None
    return [query, key, value], lambda: bert.generation.cache.attend(query, key, value, mask)


def largest_scores(columns: int, count: int):
    scores = normal(5, columns)
    return [scores], lambda: largest(scores, count)[0]


def normalized():
    states, weight, bias = normal(3, 11), normal(11), normal(11)
    return [states, weight, bias], lambda: layer_norm(states, weight, bias, 1e-3)


def normalized_without_mean():
    states, weight = normal(3, 11), normal(11)
    return [states, weight], lambda: rms_norm(states, weight, 1e-3)


def activated():
    states = normal(3, 13)
    return [states], lambda: gelu(states)


def no_dropout():
    states = normal(6, 5)
    return [states], lambda: dropout(states, 0.0)


UNEQUAL, EQUAL = sequences_of((5, 1, 9)), sequences_of((5, 5, 5))
CASES = {
    "attention:attend, unequal lengths": attention(UNEQUAL, UNEQUAL),
    "attention:attend, equal lengths": attention(EQUAL, EQUAL),
    "attention:attend, selected": attention(UNEQUAL.select(torch.tensor([0, 3, 4, 5, 6, 14])), UNEQUAL),
    "attention:attend, causal": attention(UNEQUAL, UNEQUAL, causal=True),
    "attention:attend, causal, some": attention(sequences_of((2, 1, 3)), UNEQUAL, causal=True),
    "attention:attend, to others": attention(EQUAL, UNEQUAL),
    "attention:attend_in_rows": attention_in_rows(2, 5, is_padded=False),
    "attention:attend_in_rows, padded": attention_in_rows(4, 6, is_padded=True),
    "attention:attend_in_rows, many rows": attention_in_rows(11, 13, is_padded=True),
    "largest:largest, the first": largest_scores(4 * 64, 1),
    "largest:largest, some columns left over": largest_scores(4 * 3 * 64 + 63, 3),
    "largest:largest, of too few": largest_scores(3, 3),
    "vocabulary_loss:vocabulary_cross_entropy": vocabulary_loss(),
    "built_in:layer_norm": normalized(),
    "built_in:gelu": activated(),
    "built_in:rms_norm": normalized_without_mean(),
    "dropout:dropout, nothing dropped": no_dropout(),  # with a probability, see test_dropout.py
}
# Without gradients: tests/bert/training/test_optimizer.py and test_muon.py, tests/bert/quantization/test_linear.py.
TESTED_ELSEWHERE = {"optimizer:fused_update", "muon:in_batches", "eight_bits:dense"}


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_are_those_of_the_plain_form(name):
    parameters, compute = CASES[name]

    def values_and_gradients():
        values = compute()
        weights = torch.arange(values.numel(), dtype=torch.float32).view(values.shape).cos()
        return [values, *torch.autograd.grad((values * weights).sum(), parameters)]

    found = values_and_gradients()
    with fast.off():
        expected = values_and_gradients()
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_every_kernel_has_a_case_and_a_row_in_the_table_of_gains():
    assert {name.split(",")[0] for name in CASES} | TESTED_ELSEWHERE >= set(fast._names)
    for name in fast._names:
        module, function = name.split(":")
        assert re.search(rf"{module}\.py .*\d\.\d.* {function}\n", fast.__doc__ or ""), name


@pytest.mark.parametrize("name", sorted({name.split(",")[0] for name in CASES}))
def test_a_kernel_takes_the_arguments_of_its_plain_form(name):
    module, function = name.split(":")
    kernel = getattr(import_module(f"bert.fast.{module}"), function)
    plain = {
        "attend": attend, "attend_in_rows": bert.generation.cache.attend, "largest": largest,
        "vocabulary_cross_entropy": vocabulary_cross_entropy, "dropout": dropout,
        "layer_norm": layer_norm, "gelu": gelu, "rms_norm": rms_norm,
    }[function]  # fmt: skip
    taken, expected = (inspect.signature(each).parameters for each in (kernel, plain))
    assert [(each.name, each.default) for each in taken.values()] == [
        (each.name, each.default) for each in expected.values()
    ]


def test_the_registry_gives_every_kernel_by_its_name():
    kernels = fast.kernels()
    assert kernels.keys() == set(fast._names)
    assert all(kernel.__module__.startswith("bert.fast.") for kernel in kernels.values())


def test_inside_off_no_kernel_runs_and_after_it_they_run_again(monkeypatch):
    calls = []
    parameters, compute = CASES["dropout:dropout, nothing dropped"]
    compute()
    monkeypatch.setitem(fast._kernels, "dropout:dropout", lambda *_: calls.append("kernel") or parameters[0])
    with fast.off():
        assert not fast.is_on()
        compute()
        with fast.off():
            pass
        compute()
    assert calls == []
    compute()
    assert calls == ["kernel"]
