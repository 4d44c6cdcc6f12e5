"""Compiled parts: the same numbers, few graphs, and nothing left of them afterwards."""

import re

import pytest
import torch
from torch import nn
from torch._dynamo.testing import CompileCounter
from torch._inductor import config as inductor

from bert.config import BertConfig
from bert.errors import InputError
from bert.fast import attention, packed_dropout
from bert.heads.batch import Batch, sequences_of
from bert.heads.pretraining import BertForPreTraining
from bert.model.encoder import EncoderLayer
from bert.training import compilation
from bert.training.compilation import compiled_parts, eager
from bert.variants.build import as_variant

CONFIG = BertConfig.of_size(
    4, 64, vocab_size=90, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, max_position_embeddings=24
)


def make_batch(lengths: list[int], seed: int = 0) -> Batch:
    """Sequences of these lengths, one masked token in each."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(5, 90, (sum(lengths),), generator=generator)
    sequences = sequences_of(lengths)
    selected = sequences.first.long() + 2
    labels = {"masked_labels": ids[selected], "next_sentence_labels": torch.ones(len(lengths), dtype=torch.int64)}
    return Batch(ids, torch.zeros_like(ids), sequences, selected, labels=labels)


def batch(seed: int) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    return make_batch(torch.randint(6, 25, (5,), generator=generator).tolist(), seed)


@pytest.fixture
def graphs(monkeypatch):
    torch.compiler.reset()
    counter, compile_it = CompileCounter(), torch.compile
    monkeypatch.setattr(torch, "compile", lambda part, **how: compile_it(part, backend=counter, **how))
    return counter


def test_two_sets_of_graphs_serve_all_batches_with_the_same_losses(graphs):
    torch.manual_seed(0)
    model = BertForPreTraining(CONFIG)
    counts = []
    with compiled_parts(model):
        for seed in range(5):
            compiled = model.losses(batch(seed))
            counts.append(graphs.frame_count)
            with eager():
                by_hand = model.losses(batch(seed))
            for name, loss in by_hand.items():
                torch.testing.assert_close(list(compiled[name]), list(loss))
    assert counts[0] == 4  # embeddings, all layers but the last, the last, the vocabulary's loss
    assert counts[1] <= 8 and counts[1:] == [counts[1]] * 4


def test_a_variant_is_compiled_with_as_few_graphs(graphs):
    torch.manual_seed(0)
    variant = "pre-norm,rotary,gated,rms-norm"
    model = as_variant(BertForPreTraining(CONFIG.replace(num_hidden_layers=2, variant=variant)))
    with compiled_parts(model):
        for seed in range(2):
            compiled = model.losses(batch(seed))
            with eager():
                by_hand = model.losses(batch(seed))
            for name, loss in by_hand.items():
                torch.testing.assert_close(list(compiled[name]), list(loss))
    assert graphs.frame_count <= 8


def test_batches_of_any_number_and_length_of_sequences_are_compiled(graphs):
    model = BertForPreTraining(CONFIG)
    with compiled_parts(model):
        for seed in range(24):
            longest = (24, 24, 23, 12)[seed % 4]
            model.losses(make_batch([24, *[longest] * 4][: 1 + seed % 5], seed))
    assert graphs.frame_count <= 4 * 4  # some four kinds of shapes for each part


@pytest.mark.parametrize(("longest", "bound"), [(1, 1), (2, 2), (3, 4), (64, 64), (65, 128), (512, 512)])
def test_a_gpus_kernel_is_told_one_of_a_few_bounds(longest, bound):
    sequences = sequences_of([longest, 1])
    rounded = compilation._rounded_up(sequences)
    assert rounded.longest == bound
    assert rounded.boundaries is sequences.boundaries


class OnGpu(torch.Tensor):
    """A tensor that says that it is on a GPU."""

    is_cuda = True


@pytest.mark.parametrize(("is_packed", "works", "dropout", "bound"), [
    (True, True, 0.1, 4), (True, False, 0.1, 3), (True, False, 0.0, 4), (False, True, 0.1, 3),
])  # fmt: skip
def test_attention_on_a_padded_batch_is_given_its_padding(monkeypatch, is_packed, works, dropout, bound):
    monkeypatch.setattr(attention, "has_varlen_kernel", lambda query: is_packed)
    monkeypatch.setattr(packed_dropout, "_works", works)
    layer, sequences = EncoderLayer(CONFIG.replace(attention_probs_dropout_prob=dropout)), sequences_of([3, 1])
    states = torch.zeros(4, 64)
    _, _, from_sequences, to_sequences = compilation._prepare(layer, (states, states, sequences, sequences))
    assert from_sequences.longest == to_sequences.longest == bound
    assert ("padding" in vars(from_sequences)) == (bound == 3)


def test_on_a_gpu_a_model_with_dropout_draws_its_masks_as_without_the_compiler():
    for dropout, on_gpu in ((0.1, True), (0.1, False), (0.0, True)):
        model = BertForPreTraining(CONFIG.replace(hidden_dropout_prob=dropout))
        if on_gpu:
            model.bert.embeddings.layer_norm.weight = nn.Parameter(torch.ones(64).as_subclass(OnGpu))
        options = compilation.random_options(model)
        assert options == ({"align_random_eager": True} if dropout and on_gpu else None)
        torch.compile(model.forward, options=options)  # which knows the option
    assert not inductor.align_random_eager


def test_too_many_graphs_are_said_in_a_sentence(graphs, monkeypatch):
    monkeypatch.setattr(compilation, "MOST_GRAPHS", 1)
    model = BertForPreTraining(CONFIG)
    with pytest.raises(InputError, match="more than 1 graphs"), compiled_parts(model):
        for seed in range(2):
            model.losses(batch(seed))


def test_afterwards_the_model_is_as_it_was(graphs):
    model = BertForPreTraining(CONFIG)
    with pytest.raises(KeyError), compiled_parts(model):
        assert "forward" in vars(model.bert.embeddings)
        raise KeyError
    assert not any({"forward", "loss"} & vars(part).keys() for part in model.modules())
    model.losses(batch(0))
    assert graphs.frame_count == 0


@pytest.mark.parametrize("message, said", [
    ("No C++ compiler\n\nOutput: none", "No C++ compiler"),
    ("compile error\n\nOutput:\nk.cpp:3:1: fatal error: no omp.h\nk.cpp:9:1: error: more", "fatal error: no omp.h"),
])  # fmt: skip
def test_a_compiler_that_fails_is_said_in_a_sentence(monkeypatch, message, said):
    def fail(graph, inputs):
        raise RuntimeError(message)

    torch.compiler.reset()
    compile_it = torch.compile
    monkeypatch.setattr(torch, "compile", lambda part, **how: compile_it(part, backend=fail, **how))
    model = BertForPreTraining(CONFIG)
    sentence = f"--compile: .*{re.escape(said)}.*; leave --compile out"
    with pytest.raises(InputError, match=sentence), compiled_parts(model):
        model.losses(batch(0))
    assert "forward" not in vars(model.bert.embeddings)
