"""What runs on a CUDA GPU alone: the packed path, its attention, and compiled parts, against the CPU."""

import pytest
import torch
from bert.model.packed_attention import packed_attention
from bert.model.packing import Packing, find_packing

from bert.config import BertConfig
from bert.heads.pretraining import BertForPreTraining
from bert.model.attention import scaled_dot_product_attention
from bert.training.compilation import compiled_parts

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")

CONFIG = BertConfig(
    vocab_size=301, hidden_size=128, num_hidden_layers=3, num_attention_heads=2, intermediate_size=256,
    max_position_embeddings=64, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
)  # fmt: skip
LENGTHS = torch.tensor([40, 3, 17, 1, 33])


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    mask = (torch.arange(40) < LENGTHS[:, None]).long()
    places = torch.tensor([1, 7, 39, 41, 82, 90, 161, 190])  # of every sequence but that of [CLS] alone
    return {
        "input_ids": torch.randint(5, 301, mask.shape, generator=generator),
        "token_type_ids": (torch.arange(40) > 8).long().expand(mask.shape).contiguous(), "attention_mask": mask,
        "masked_positions": places, "masked_labels": torch.randint(5, 301, places.shape, generator=generator),
        "next_sentence_labels": torch.tensor([0, 1, 1, 0, 1]),
    }  # fmt: skip


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = BertForPreTraining(CONFIG)
    for layer in model.bert.encoder.layers:  # where attention looks matters
        torch.nn.init.normal_(layer.attention.query.weight, std=0.2)
        torch.nn.init.normal_(layer.attention.key.weight, std=0.2)
    return model


def packed(batch: dict) -> dict:
    """As the loader lays it out: with three tokens of padding after all others."""
    real = batch["attention_mask"].flatten().bool()
    places = torch.cat([real.nonzero()[:, 0], (~real).nonzero()[:3, 0]])
    boundaries = torch.cat([torch.zeros(1), LENGTHS.cumsum(0), torch.tensor([97, 97])]).int()
    return batch | {"packed_places": places, "packed_boundaries": boundaries}


def losses_and_gradients(model, batch, device: str, dtype=None) -> tuple[dict, dict]:
    model = model.to(device)
    model.zero_grad()
    with torch.autocast(device, dtype, enabled=dtype is not None):
        losses = model.losses({name: values.to(device) for name, values in batch.items()})
    (losses["masked_lm"].sum / 8 + losses["next_sentence"].sum / 5).backward()
    gradients = {name: parameter.grad.detach().cpu() for name, parameter in model.named_parameters()}
    return {name: loss.sum.item() for name, loss in losses.items()}, gradients


def assert_near(found: tuple, expected: tuple, tolerance: float) -> None:
    for name, loss in expected[0].items():
        assert found[0][name] == pytest.approx(loss, rel=tolerance), name
    for name, gradient in expected[1].items():
        distance = (found[1][name] - gradient).norm() / gradient.norm().clamp(min=1e-6)
        assert distance < 10 * tolerance or gradient.norm() < 1e-5, (name, distance)


@pytest.mark.parametrize("lay_out", [dict, packed])
def test_in_float32_losses_and_gradients_are_those_of_the_cpu(model, batch, lay_out):
    expected = losses_and_gradients(model, batch, "cpu")
    assert_near(losses_and_gradients(model, lay_out(batch), "cuda"), expected, 1e-4)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("lay_out", [dict, packed])
def test_in_sixteen_bits_they_are_near(model, batch, lay_out, dtype):
    expected = losses_and_gradients(model, batch, "cpu")
    assert_near(losses_and_gradients(model, lay_out(batch), "cuda", dtype), expected, 1e-2)


@pytest.mark.parametrize("lay_out", [dict, packed])
def test_heads_of_sizes_that_packed_attention_does_not_take_are_computed_too(batch, lay_out):
    torch.manual_seed(0)
    model = BertForPreTraining(CONFIG.replace(hidden_size=52))  # heads of 26, as in some small published models
    expected = losses_and_gradients(model, batch, "cpu")
    assert_near(losses_and_gradients(model, lay_out(batch), "cuda", torch.bfloat16), expected, 2e-2)


def test_compiled_with_dropout_of_attention_weights_it_trains(batch):
    model = BertForPreTraining(CONFIG.replace(attention_probs_dropout_prob=0.1)).to("cuda").train()
    with compiled_parts(model):
        losses, gradients = losses_and_gradients(model, packed(batch), "cuda", torch.bfloat16)
    assert all(0 < loss < 100 for loss in losses.values())
    assert all(gradient.isfinite().all() for gradient in gradients.values())


def test_compiled_they_are_near_and_no_batch_is_broken_into_parts(model, batch):
    expected = losses_and_gradients(model, batch, "cpu")
    model = model.to("cuda").train()
    with compiled_parts(model):
        assert_near(losses_and_gradients(model, packed(batch), "cuda", torch.bfloat16), expected, 1e-2)
        other = {name: values[1:] if len(values) == 5 else values for name, values in batch.items()}
        other["masked_positions"], other["masked_labels"] = batch["masked_positions"][:3], batch["masked_labels"][:3]
        again = losses_and_gradients(model, other, "cuda", torch.bfloat16)  # another shape
    assert_near(again, losses_and_gradients(model.cpu(), other, "cpu"), 1e-2)


def test_packed_attention_is_the_one_written_out():
    torch.manual_seed(0)
    mask = torch.arange(40, device="cuda") < LENGTHS.cuda()[:, None]
    packing = find_packing(mask)
    assert packing.boundaries.tolist() == [0, 40, 43, 60, 61, 94]
    query, key, value = (torch.randn(94, 2, 64, device="cuda", dtype=torch.bfloat16) for _ in range(3))
    attended = packed_attention(query, key, value, packing)
    for first, end in zip(packing.boundaries[:-1], packing.boundaries[1:]):
        each = (states[first:end].float().transpose(0, 1)[None] for states in (query, key, value))
        expected, _ = scaled_dot_product_attention(*each, None)
        torch.testing.assert_close(attended[first:end].float(), expected[0].transpose(0, 1), atol=0.03, rtol=0.03)


def test_dropout_of_packed_attention_drops_weights_and_keeps_the_mean():
    torch.manual_seed(0)
    boundaries = torch.tensor([0, 64], dtype=torch.int32, device="cuda")
    packing = Packing(torch.arange(64, device="cuda"), 1, 64, boundaries)
    query, key = (torch.zeros(64, 2, 64, device="cuda", dtype=torch.bfloat16, requires_grad=True) for _ in range(2))
    value = torch.ones(64, 2, 64, device="cuda", dtype=torch.bfloat16, requires_grad=True)
    every = [packed_attention(query, key, value, packing, 0.25) for _ in range(40)]
    assert not every[0].equal(every[1])
    sums = torch.stack(every)[..., 0].float() * 64 * 0.75  # of the 64 equal weights, how many were kept
    torch.testing.assert_close(sums, sums.round(), atol=0.3, rtol=0)
    assert sums.mean().item() == pytest.approx(48, abs=0.5)
    assert sums.var().item() == pytest.approx(64 * 0.25 * 0.75, rel=0.2)
    every[0].sum().backward()
    torch.testing.assert_close(value.grad.sum(), every[0].detach().sum(), rtol=0.02, atol=0)  # the same mask, backward
