"""Which kernel attention takes, and what the one for GPUs is on a GPU."""

import pytest
import torch

from bert import fast
from bert.fast import attention
from bert.fast.attention import attend_varlen, has_varlen_kernel
from bert.heads.batch import sequences_of
from bert.model.attention import attend

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")


def test_equally_long_sequences_are_neither_copied_nor_masked(monkeypatch):
    sequences = sequences_of((4, 4))
    states = torch.randn(8, 2, 3)
    assert attention.pad(states, sequences.padding).data_ptr() == states.data_ptr()
    assert attention.attention_mask(sequences, sequences, causal=False) is None
    assert attention.attention_mask(sequences_of((4, 3)), sequences_of((4, 3)), causal=False) is not None


class OnGpu(torch.Tensor):
    """A tensor that says that it is on a GPU."""

    is_cuda = True


@pytest.mark.parametrize(
    ("dtype", "dim", "capability", "expected"),
    [
        (torch.bfloat16, 64, (8, 0), True),
        (torch.float16, 64, (9, 0), True),
        (torch.float32, 64, (9, 0), False),
        (torch.bfloat16, 26, (9, 0), False),
        (torch.bfloat16, 264, (9, 0), False),
        (torch.bfloat16, 64, (7, 5), False),
    ],
)
def test_the_kernel_for_gpus_is_for_sixteen_bits_since_ampere(monkeypatch, dtype, dim, capability, expected):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    attention._is_ampere.cache_clear()
    query = torch.zeros(3, 2, dim, dtype=dtype)
    assert has_varlen_kernel(query.as_subclass(OnGpu)) == expected
    assert not has_varlen_kernel(query)
    attention._is_ampere.cache_clear()


@pytest.mark.parametrize(
    ("dtype", "keys", "trains", "is_fused"),
    [
        (torch.bfloat16, 40, True, False),  # its backward pass is slow
        (torch.bfloat16, attention.EQUATION_UP_TO + 1, True, True),
        (torch.bfloat16, 40, False, True),
        (torch.float32, 40, True, True),
    ],
)
def test_in_training_in_sixteen_bits_short_sequences_take_the_equation(monkeypatch, dtype, keys, trains, is_fused):
    torch.manual_seed(0)
    sequences, calls = sequences_of((3, keys)), []
    query, key, value = (torch.randn(3 + keys, 2, 8).to(dtype).requires_grad_(trains) for _ in range(3))
    fused = attention.F.scaled_dot_product_attention
    monkeypatch.setattr(
        attention.F, "scaled_dot_product_attention", lambda *arguments: calls.append(1) or fused(*arguments)
    )
    found, _ = attend(query, key, value, sequences, sequences)
    with fast.off():
        expected, _ = attend(query.float(), key.float(), value.float(), sequences, sequences)
    assert bool(calls) == is_fused
    assert (found.float() - expected).abs().max() < (0.02 if dtype == torch.bfloat16 else 1e-5)


@needs_gpu
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("selected", [False, True])
def test_on_a_gpu_it_is_the_equation(causal, selected):
    torch.manual_seed(0)
    sequences = sequences_of((40, 3, 17, 1, 33))
    indices = torch.tensor([38, 39, 42, 59, 60, 93]) if selected else torch.arange(94)  # causal: the last ones
    query, key, value = (torch.randn(94, 2, 64).bfloat16().float() for _ in range(3))
    arguments = (query[indices], key, value)
    with fast.off():
        expected, _ = attend(*arguments, sequences.select(indices), sequences, causal=causal)
    on_gpu = (type(sequences)(each.boundaries.cuda(), each.longest) for each in (sequences.select(indices), sequences))
    found = attend_varlen(*(each.cuda().bfloat16() for each in arguments), *on_gpu, 0.0, causal)
    torch.testing.assert_close(found.float().cpu(), expected, atol=0.03, rtol=0.03)


@needs_gpu
def test_on_a_gpu_dropout_drops_weights_and_keeps_the_mean():
    torch.manual_seed(0)
    boundaries = torch.tensor([0, 64], dtype=torch.int32, device="cuda")
    sequences = type(sequences_of((1,)))(boundaries, 64)
    query, key = (torch.zeros(64, 2, 64, device="cuda", dtype=torch.bfloat16, requires_grad=True) for _ in range(2))
    value = torch.ones(64, 2, 64, device="cuda", dtype=torch.bfloat16, requires_grad=True)
    every = [attend_varlen(query, key, value, sequences, sequences, 0.25, False) for _ in range(40)]
    assert not every[0].equal(every[1])
    sums = torch.stack(every)[..., 0].float() * 64 * 0.75  # of the 64 equal weights, how many were kept
    torch.testing.assert_close(sums, sums.round(), atol=0.3, rtol=0)
    assert sums.mean().item() == pytest.approx(48, abs=0.5)
    assert sums.var().item() == pytest.approx(64 * 0.25 * 0.75, rel=0.2)
    every[0].sum().backward()
    torch.testing.assert_close(value.grad.sum(), every[0].detach().sum(), rtol=0.02, atol=0)  # the same mask, backward
