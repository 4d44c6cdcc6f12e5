"""The decoder: what it may look at, against the equations in NumPy, packed and padded, with and without kernels."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from bert import fast
from bert.heads.batch import sequences_of
from tests.bert.generation.models import (
    CONFIG,
    DECODER,
    SOURCE_LENGTHS,
    SOURCE_MASK,
    SOURCES,
    TARGET_LENGTHS,
    TARGET_MASK,
    TARGETS,
    WIDER,
    random_model,
)  # fmt: skip


def packed(values, lengths):
    return torch.cat([row[:length] for row, length in zip(values, lengths)])


PACKED = {
    "input_ids": packed(SOURCES, SOURCE_LENGTHS),
    "decoder_input_ids": packed(TARGETS, TARGET_LENGTHS),
    "sequences": sequences_of(SOURCE_LENGTHS),
    "decoder_sequences": sequences_of(TARGET_LENGTHS),
}


def test_no_score_depends_on_a_later_piece_and_every_score_on_all_earlier_ones():
    model = random_model()
    embedded = []
    hook = model.decoder.embeddings.register_forward_hook(lambda module, inputs, output: embedded.append(output))
    logits = model(SOURCES, TARGETS, SOURCE_MASK).logits
    hook.remove()
    for position in (0, 3, 8):
        (gradient,) = torch.autograd.grad(logits[0, position].square().sum(), embedded, retain_graph=True)
        size = gradient.unflatten(0, TARGETS.shape)[0].abs().sum(dim=-1)  # by position
        assert (size[position + 1 :] == 0).all() and (size[: position + 1] > 1e-4).all()


def test_every_token_of_the_source_counts_for_every_score():
    model = random_model()
    before = model(SOURCES, TARGETS, SOURCE_MASK).logits
    for column in (0, 6, 10):
        other = SOURCES.clone()
        other[2, column] = 33
        changed = (model(other, TARGETS, SOURCE_MASK).logits - before).abs().amax(dim=-1)
        assert (changed[2] > 1e-4).all() and (changed[[0, 1, 3]] == 0).all()


def test_what_is_padding_and_how_much_of_it_does_not_matter():
    model = random_model()
    expected = model(**PACKED).logits
    padded = model(SOURCES, TARGETS, SOURCE_MASK, TARGET_MASK).logits
    assert (padded[TARGET_MASK == 0] == 0).all()
    more, mask = F.pad(SOURCES.masked_fill(SOURCE_MASK == 0, 0), (0, 5), value=36), F.pad(SOURCE_MASK, (0, 5))
    targets = F.pad(TARGETS.masked_fill(TARGET_MASK == 0, 30), (0, 6), value=1)
    as_pieces = model(more, targets, mask).logits  # padding after a target may pass as pieces
    for logits in (padded, as_pieces):
        torch.testing.assert_close(packed(logits, TARGET_LENGTHS), expected, rtol=1e-5, atol=1e-6)
    unmasked = model(SOURCES, TARGETS).logits  # the control: without the source's mask padding matters
    assert (packed(unmasked, TARGET_LENGTHS) - expected).abs().max() > 1e-2


def test_the_order_of_the_batch_does_not_matter():
    model = random_model()
    order = torch.tensor([2, 0, 3, 1])
    logits = model(SOURCES, TARGETS, SOURCE_MASK).logits
    other = model(SOURCES[order], TARGETS[order], SOURCE_MASK[order]).logits
    torch.testing.assert_close(other, logits[order], rtol=1e-5, atol=1e-6)


def test_cross_attention_is_the_equation_in_numpy():
    model = random_model()
    layer = model.decoder.layers[1]
    generator = torch.Generator().manual_seed(5)
    states = torch.randn(sum(TARGET_LENGTHS), 15, generator=generator)
    memory = torch.randn(sum(SOURCE_LENGTHS), 15, generator=generator)
    sequences = sequences_of(TARGET_LENGTHS), sequences_of(SOURCE_LENGTHS)
    found, (weights, cross_weights) = layer(states, memory, *sequences, return_attention=True)
    found_sooner, _ = layer(states, memory, *sequences)
    torch.testing.assert_close(found_sooner, found, rtol=1e-5, atol=1e-6)

    def dense(module, x):
        return x @ module.weight.detach().numpy().T + module.bias.detach().numpy()

    def norm(module, x):
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-12)
        return x * module.weight.detach().numpy() + module.bias.detach().numpy()

    def attention(module, x, y, causal):
        heads = []
        for head in np.split(np.arange(15), 3):
            query, key, value = (
                dense(each, z)[:, head] for each, z in ((module.query, x), (module.key, y), (module.value, y))
            )
            scores = query @ key.T / math.sqrt(5)
            if causal:
                scores[np.triu_indices(len(x), 1)] = -np.inf
            exponentials = np.exp(scores - scores.max(-1, keepdims=True))
            heads.append((exponentials / exponentials.sum(-1, keepdims=True), value))
        return dense(module.output, np.concatenate([w @ v for w, v in heads], axis=1)), np.stack([w for w, _ in heads])

    gelu = np.vectorize(lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2)
    parts = zip(states.split(TARGET_LENGTHS), memory.split(SOURCE_LENGTHS), found.detach().split(TARGET_LENGTHS))
    for number, (x, y, expected) in enumerate(parts):
        x, y = x.double().numpy(), y.double().numpy()
        attended, own = attention(layer.attention, x, x, causal=True)
        x = norm(layer.attention_norm, x + attended)
        attended, cross = attention(layer.cross_attention, x, y, causal=False)
        x = norm(layer.cross_attention_norm, x + attended)
        forward = dense(layer.feed_forward.output, gelu(dense(layer.feed_forward.intermediate, x)))
        np.testing.assert_allclose(norm(layer.feed_forward_norm, x + forward), expected, atol=2e-5)
        np.testing.assert_allclose(own, weights[number].detach(), atol=1e-5)
        np.testing.assert_allclose(cross, cross_weights[number].detach(), atol=1e-5)


@pytest.mark.parametrize("config", [CONFIG, WIDER], ids=["one size", "two sizes"])
def test_plain_forms_give_the_same_scores_and_gradients(config):
    model = random_model(config)

    def scores_and_gradients():
        logits = model(**PACKED).logits
        return logits, torch.autograd.grad(logits.square().mean(), list(model.parameters()), allow_unused=True)

    logits, gradients = scores_and_gradients()
    with fast.off():
        expected, of_plain = scores_and_gradients()
    torch.testing.assert_close(logits, expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(gradients, of_plain, rtol=1e-4, atol=1e-5)


def test_attention_weights_come_back_on_request_and_change_nothing():
    model = random_model()
    output = model(**PACKED, return_attention=True)
    torch.testing.assert_close(output.logits, model(**PACKED).logits, rtol=1e-5, atol=1e-6)
    assert len(output.attentions) == len(output.cross_attentions) == 3
    for own, cross in zip(output.attentions, output.cross_attentions):
        for target, source, weights, cross_weights in zip(TARGET_LENGTHS, SOURCE_LENGTHS, own, cross, strict=True):
            assert weights.shape == (3, target, target) and cross_weights.shape == (3, target, source)
            torch.testing.assert_close(cross_weights.sum(-1), torch.ones(3, target))


def test_a_target_that_is_too_long_or_half_of_a_packed_batch_is_refused():
    model = random_model()
    with pytest.raises(ValueError, match="targets of 30 tokens are too long for 29 position embeddings"):
        model(SOURCES, torch.zeros(4, DECODER.max_position_embeddings + 1, dtype=torch.int64))
    with pytest.raises(ValueError, match="sequences and decoder_sequences together"):
        model(PACKED["input_ids"], PACKED["decoder_input_ids"], sequences=PACKED["sequences"])
    with pytest.raises(ValueError, match="are for padded batches"):
        model(**PACKED, attention_mask=SOURCE_MASK)
