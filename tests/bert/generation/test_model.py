"""The encoder-decoder as a head: its loss, its labels, shared weights, and that it learns."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from bert.config import BertConfig
from bert.errors import InputError
from bert.generation.batch import generation_batch
from bert.generation.config import EncoderDecoderConfig
from bert.generation.model import BertForConditionalGeneration
from bert.heads.loss import IGNORE_INDEX
from tests.bert.generation.models import (
    CONFIG,
    SHARED,
    SOURCE_LENGTHS,
    SOURCE_MASK,
    SOURCES,
    TARGET_LENGTHS,
    TARGETS,
    WIDER,
    random_model,
)  # fmt: skip


def batch():
    sources = [row[:length].numpy() for row, length in zip(SOURCES, SOURCE_LENGTHS)]
    targets = [np.array([2, *row[:length], 3]) for row, length in zip(TARGETS, TARGET_LENGTHS)]
    return generation_batch(sources, [np.zeros_like(row) for row in sources], targets)


def gradients(model, loss):
    return torch.autograd.grad(loss, list(model.parameters()), allow_unused=True)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.7])
def test_the_loss_is_pytorchs_smoothed_cross_entropy_with_its_gradients(smoothing):
    model = random_model(label_smoothing=smoothing).train()
    padded = torch.full((4, 11), 0)
    for row, length in enumerate(TARGET_LENGTHS):
        padded[row, : length + 2] = torch.tensor([2, *TARGETS[row, :length], 3])
    logits = model(SOURCES, padded[:, :-1], SOURCE_MASK).logits
    labels = padded[:, 1:].masked_fill(padded[:, 1:] == 0, IGNORE_INDEX)
    expected = F.cross_entropy(logits.transpose(1, 2), labels, label_smoothing=smoothing, reduction="sum")
    total, count, correct = model.losses(batch())["generation"]
    torch.testing.assert_close(total, expected, rtol=1e-5, atol=1e-4)
    assert count == model.label_counts(batch())["generation"] == sum(TARGET_LENGTHS) + 4
    assert correct == (logits.argmax(dim=-1) == labels).sum()
    torch.testing.assert_close(gradients(model, total), gradients(model, expected), rtol=1e-4, atol=1e-4)


def test_labels_are_smoothed_only_while_the_model_trains():
    model, plain = random_model(label_smoothing=0.2), random_model()
    (evaluated,), (expected,) = model.losses(batch()).values(), plain.losses(batch()).values()
    (trained,) = model.train().losses(batch()).values()
    assert evaluated.sum == expected.sum != trained.sum


def test_the_batch_is_what_the_forward_pass_takes():
    model, its = random_model(), batch()
    logits = model(**its.inputs).logits
    expected = F.cross_entropy(logits, its.labels["labels"], reduction="sum")
    torch.testing.assert_close(model.losses(its)["generation"].sum, expected)
    on_device = its.to(torch.device("cpu"))
    torch.testing.assert_close(model(**on_device.inputs).logits, logits)
    assert its.tokens == sum(SOURCE_LENGTHS) + sum(TARGET_LENGTHS) + 4


@pytest.mark.parametrize("config", [CONFIG, WIDER, SHARED], ids=["one size", "two sizes", "shared"])
def test_every_parameter_gets_a_gradient(config):
    model = random_model(config).double()
    (loss,) = model.losses(batch()).values()
    loss.sum.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        is_zero = name.endswith("key.bias")  # it adds the same to all scores of a query
        assert (parameter.grad.abs().max() < 1e-9) == is_zero, name


def test_shared_weights_are_counted_once_and_cross_attention_is_the_decoders_own():
    model = random_model(SHARED)
    names = {name for name, _ in model.named_parameters()}
    decoders = {name for name in names if name.startswith("decoder.")}
    assert all("cross_attention" in name or name.startswith("decoder.head.") for name in decoders)
    assert model.decoder.layers[1].feed_forward is model.bert.encoder.layers[1].feed_forward
    apart = BertForConditionalGeneration(EncoderDecoderConfig(SHARED.encoder, SHARED.decoder, 2, 3, 0))
    encoder = sum(parameter.numel() for parameter in apart.bert.parameters())
    total, of_shared = (sum(each.numel() for each in model.parameters()) for model in (apart, model))
    assert of_shared == total - encoder


def test_a_smoothing_that_is_no_share_is_refused():
    for smoothing in (-0.1, 1.0, float("nan")):
        with pytest.raises(InputError, match="label smoothing is"):
            BertForConditionalGeneration(CONFIG, smoothing)


def test_it_learns_to_reverse_and_writes_what_it_learned():
    """A decoder that does not see its source cannot: transformers' did not for weeks (its pull request 4680)."""
    torch.manual_seed(0)
    sizes = BertConfig(
        vocab_size=9, hidden_size=32, num_hidden_layers=1, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=8, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, initializer_range=0.1,
    )  # fmt: skip
    model = BertForConditionalGeneration(EncoderDecoderConfig(sizes, sizes, 2, 3, 0))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    generator = torch.Generator().manual_seed(1)

    def strings(count):
        return [torch.randint(4, 9, (4,), generator=generator).numpy() for _ in range(count)]

    for _ in range(80):
        sources = strings(32)
        targets = [np.array([2, *source[::-1], 3]) for source in sources]
        (loss,) = model.losses(generation_batch(sources, [0 * each for each in sources], targets)).values()
        optimizer.zero_grad()
        (loss.sum / loss.count).backward()
        optimizer.step()
    sources = torch.tensor(np.stack(strings(50)))
    model.eval()
    cache, pieces, written = model.start(model.encode(sources)), torch.full((50,), 2), []
    for _ in range(5):
        pieces = model.step(pieces, cache).argmax(dim=-1)
        written.append(pieces)
    assert torch.stack(written, dim=1).tolist() == [[*row[::-1], 3] for row in sources.tolist()]
