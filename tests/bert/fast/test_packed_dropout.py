"""The private operator is tried before a run. If it is missing or wrong, attention is computed on a padded batch."""

import itertools
import math
from types import SimpleNamespace

import pytest
import torch

from bert.fast import attention, packed_dropout
from bert.heads.batch import sequences_of
from bert.model.attention import attend

CPU = torch.device("cpu")


class Attention(torch.autograd.Function):
    """Attention of one head of one sequence in float32, with a mask for each direction."""

    @staticmethod
    def forward(context, query, key, value, forward_factors, backward_factors):
        weights = (query @ key.mT / math.sqrt(query.shape[-1])).softmax(-1)
        context.save_for_backward(query, key, value, weights, backward_factors)
        return (weights * forward_factors) @ value

    @staticmethod
    def backward(context, gradient):
        query, key, value, weights, factors = context.saved_tensors
        of_weights = (gradient @ value.mT) * factors
        of_scores = weights * (of_weights - (of_weights * weights).sum(-1, keepdim=True)) / math.sqrt(query.shape[-1])
        return of_scores @ key, of_scores.mT @ query, (weights * factors).mT @ gradient, None, None


def operator(fault=None):
    """PyTorch's operator in Python, with a fault."""

    def forward(
        query, key, value, from_boundaries, to_boundaries, longest, _, probability, is_causal, return_debug_mask
    ):
        if fault == "arguments":
            raise TypeError("unexpected keyword argument 'is_causal'")
        if fault == "same masks":
            torch.manual_seed(1)
        told = {"ignores": 0.0, "rate": probability / 2}.get(fault, probability)
        ends = to_boundaries.tolist() if fault != "one sequence" else [0, len(query)]
        attended = torch.zeros(query.shape)
        for first, end in itertools.pairwise(ends):
            kept = torch.rand(query.shape[1], end - first, end - first) >= told
            if fault == "same heads":
                kept = kept[:1].expand_as(kept)
            factors = kept / (1 - (probability if fault == "rate" else told))
            for_backward = factors.flip(0) if fault == "backward" else factors
            for head in range(query.shape[1]):
                parts = (each[first:end, head].float() for each in (query, key, value))
                attended[first:end, head] = Attention.apply(*parts, factors[head], for_backward[head])
        return attended.to(query.dtype), None

    return forward


@pytest.fixture
def replace_operator(monkeypatch):
    """Puts an operator in the place of PyTorch's, or removes it."""
    monkeypatch.setattr(packed_dropout, "_works", True)
    packed_dropout.find_fault.cache_clear()

    def replace(of_python):
        aten = SimpleNamespace() if of_python is None else SimpleNamespace(_flash_attention_forward=of_python)
        monkeypatch.setattr(packed_dropout, "torch", With(torch, ops=SimpleNamespace(aten=aten)))

    yield replace
    packed_dropout.find_fault.cache_clear()


class With:
    """A module with another attribute."""

    def __init__(self, module, **others):
        self.module = module
        vars(self).update(others)

    def __getattr__(self, name):
        return getattr(self.module, name)


def test_an_operator_that_computes_the_equation_has_no_fault_and_draws_none_of_the_runs_numbers(replace_operator):
    replace_operator(operator())
    before = torch.get_rng_state()
    assert packed_dropout.find_fault(CPU, torch.bfloat16) is None
    assert packed_dropout.works()
    assert torch.get_rng_state().equal(before)


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("arguments", "unexpected keyword argument"),
        ("ignores", "not those of the equation"),
        ("rate", "another share"),
        ("same masks", "same weights again"),
        ("same heads", "same weights again"),
        ("backward", "not those of the equation"),
        ("one sequence", "not those of the equation"),
    ],
)
def test_a_fault_of_the_operator_is_found(replace_operator, fault, says):
    replace_operator(operator(fault))
    found = packed_dropout.find_fault(CPU, torch.bfloat16)
    assert found is not None
    assert says in found
    assert not packed_dropout.works()


@pytest.mark.parametrize("causal", [False, True])
def test_without_the_operator_attention_with_dropout_is_computed_on_a_padded_batch(
    monkeypatch, replace_operator, causal
):
    replace_operator(None)
    monkeypatch.setattr(attention, "has_varlen_kernel", lambda query: True)
    assert "no attribute" in packed_dropout.find_fault(CPU, torch.bfloat16)
    sequences = sequences_of((5, 2, 3))
    states = [torch.randn(10, 2, 8).requires_grad_() for _ in range(3)]

    def outcome(kernel, *arguments):
        torch.manual_seed(3)
        attended, _ = kernel(*states, sequences, sequences, *arguments)
        return attended, *torch.autograd.grad(attended.sin().sum(), states)

    def padded(*arguments):
        return attention.attend_padded(*arguments), None

    for probability in (0.0, 0.5) if causal else (0.5,):
        for found, expected in zip(
            outcome(attend, probability, causal), outcome(padded, probability, causal), strict=True
        ):
            assert found.equal(expected)


def test_without_dropout_the_public_function_needs_no_operator(monkeypatch):
    monkeypatch.setattr(attention, "has_varlen_kernel", lambda query: True)
    monkeypatch.setattr(packed_dropout, "_works", False)
    query = torch.zeros(3, 2, 8)
    assert attention.takes_varlen(query, 0.0, causal=False)
    assert not attention.takes_varlen(query, 0.1, causal=False)
    assert not attention.takes_varlen(query, 0.0, causal=True)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_on_a_gpu_this_pytorchs_operator_has_no_fault(dtype):
    packed_dropout.find_fault.cache_clear()
    assert packed_dropout.find_fault(torch.device("cuda", 0), dtype) is None
