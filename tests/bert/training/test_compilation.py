"""Compiled parts: the same numbers, few graphs, and nothing left of them afterwards."""

import re

import pytest
import torch
from torch._dynamo.testing import CompileCounter

from bert.config import BertConfig
from bert.errors import InputError
from bert.heads.batch import Batch, sequences_of
from bert.heads.pretraining import BertForPreTraining
from bert.training import compilation
from bert.training.compilation import compiled_parts, eager

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


def test_batches_of_any_number_and_length_of_sequences_are_compiled(graphs):
    model = BertForPreTraining(CONFIG)
    with compiled_parts(model):
        for seed in range(24):
            longest = (24, 24, 23, 12)[seed % 4]
            model.losses(make_batch([24, *[longest] * 4][: 1 + seed % 5], seed))
    assert graphs.frame_count <= 4 * 4  # some four kinds of shapes for each part


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
