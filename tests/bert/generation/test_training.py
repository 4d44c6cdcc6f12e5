"""What training does to any model it does to an encoder-decoder: compile, recompute, 16 bits."""

import numpy as np
import torch
from torch._dynamo.testing import CompileCounter

from bert.generation.batch import generation_batch
from bert.training.compilation import compiled_parts
from bert.training.recomputation import recomputed_layers
from tests.bert.generation.models import SOURCE_LENGTHS, SOURCES, TARGET_LENGTHS, TARGETS, random_model


def batch(rows):
    sources = [SOURCES[row, : SOURCE_LENGTHS[row]].numpy() for row in rows]
    targets = [np.array([2, *TARGETS[row, : TARGET_LENGTHS[row]], 3]) for row in rows]
    return generation_batch(sources, [0 * each for each in sources], targets)


BATCH = batch(range(4))


def loss_and_gradients(model):
    (loss,) = model.losses(BATCH).values()
    return [loss.sum, *torch.autograd.grad(loss.sum, list(model.parameters()))]


def test_compiled_layers_compute_the_same(monkeypatch):
    torch.compiler.reset()
    counter, compile_it = CompileCounter(), torch.compile
    monkeypatch.setattr(torch, "compile", lambda part, **how: compile_it(part, backend=counter, **how))
    model = random_model(label_smoothing=0.1).train()
    expected = loss_and_gradients(model)
    with compiled_parts(model):
        torch.testing.assert_close(loss_and_gradients(model), expected, rtol=1e-4, atol=1e-4)
    assert counter.frame_count == 5  # embeddings twice, an encoder layer, a decoder layer, the head


def test_recomputed_layers_compute_the_same():
    model = random_model()
    expected = loss_and_gradients(model)
    with recomputed_layers(model):
        assert all("forward" in vars(layer) for layer in model.decoder.layers)
        torch.testing.assert_close(loss_and_gradients(model), expected)


def test_in_16_bits_loss_and_steps_are_near_those_in_32():
    model = random_model(label_smoothing=0.1).train()
    (expected,) = model.losses(BATCH).values()
    with torch.autocast("cpu", torch.bfloat16):
        (loss,) = model.losses(BATCH).values()
    assert loss.sum.dtype == torch.float32
    torch.testing.assert_close(loss.sum, expected.sum, rtol=0.03, atol=0)
    model.eval()
    with torch.autocast("cpu", torch.bfloat16):
        cache = model.start(model.encode(SOURCES))
        logits = [model.step(TARGETS[:, position], cache) for position in range(3)]
    expected = model(SOURCES, TARGETS[:, :3]).logits
    difference = torch.stack(logits, dim=1).float() - expected
    assert difference.norm() < 0.05 * expected.norm()
