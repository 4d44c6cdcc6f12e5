"""Decoding with the model itself: its cache, its sources of unequal length, and its loss."""

import math

import pytest
import torch

from bert.generation.batch import generation_batch
from bert.generation.constraints import SpecialPieces
from bert.generation.decoding import Decoding
from bert.generation.generate import generate
from tests.bert.generation.models import CONFIG, SOURCE_LENGTHS, SOURCE_MASK, SOURCES, WIDER, random_model

SPECIAL = SpecialPieces(CONFIG.start_id, CONFIG.end_id, (0, 1, 2, 4), CONFIG.decoder.vocab_size)
LONGEST = 20
EVERY_WAY = pytest.mark.parametrize("settings", [
    {"no_repeat_ngram": 2}, {"beams": 3, "no_repeat_ngram": 2},
    {"beams": 4, "length_penalty": 0.0, "no_repeat_ngram": 2, "min_length": 4},
    {"sample": True, "top_p": 0.8, "seed": 5},
], ids=["greedy", "beams", "without a penalty", "sampled"])  # fmt: skip


class Uncached:
    """The model, but each step reads all pieces again."""

    def __init__(self, model):
        self.model, self.steps = model, 0

    def eval(self):
        self.model.eval()

    def encode(self, input_ids, attention_mask):
        return input_ids, attention_mask

    def start(self, memory):
        self.sources, self.mask = memory
        self.history = torch.zeros(len(self.mask), 0, dtype=torch.int64)
        return self

    def reorder(self, rows):
        self.sources, self.mask, self.history = self.sources[rows], self.mask[rows], self.history[rows]

    def step(self, pieces, cache):
        self.steps += 1
        self.history = torch.cat([self.history, pieces[:, None]], dim=1)
        return self.model(self.sources, self.history, self.mask).logits[:, -1]


@pytest.fixture(scope="module", params=[CONFIG, WIDER], ids=["one size", "two sizes"])
def model(request):
    """[SEP] is probable enough for outputs to end in time, at different lengths."""
    model = random_model(request.param)
    with torch.no_grad():
        model.decoder.head.bias[CONFIG.end_id] += 2.0
    return model


def written(model, sources=SOURCES, mask=SOURCE_MASK, names=None, **settings):
    return generate(model, sources, mask, SPECIAL, Decoding(max_length=LONGEST, **settings), names)


@EVERY_WAY
def test_outputs_are_those_of_a_model_without_a_cache(model, settings):
    plain = Uncached(model)
    outputs, expected = written(model, **settings), written(plain, **settings)
    assert [output.ids for output in outputs] == [output.ids for output in expected]
    for output, other in zip(outputs, expected):
        assert output.log_probability == pytest.approx(other.log_probability, abs=1e-4)
    assert len({tuple(output.ids) for output in outputs}) > 1 and plain.steps > 3


@EVERY_WAY
def test_padding_and_other_sources_change_nothing(model, settings):
    together = written(model, **settings)
    for index, length in enumerate(SOURCE_LENGTHS):
        (alone,) = written(model, SOURCES[[index], :length], SOURCE_MASK[[index], :length], [index], **settings)
        assert alone.ids == together[index].ids


@EVERY_WAY
def test_the_log_probability_is_the_loss_of_the_output(model, settings):
    outputs = written(model, **settings)
    sources = [row[:length].numpy() for row, length in zip(SOURCES, SOURCE_LENGTHS)]
    targets = [torch.tensor([CONFIG.start_id, *output.ids, CONFIG.end_id]).numpy() for output in outputs]
    with torch.no_grad():
        loss = model.losses(generation_batch(sources, [0 * row for row in sources], targets))["generation"]
    assert -math.fsum(output.log_probability for output in outputs) == pytest.approx(float(loss.sum), abs=1e-3)


def test_dropout_is_off(model):
    model.train()
    assert written(model) == written(model)
    assert not model.training
