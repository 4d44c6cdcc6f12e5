"""Compiled parts: the same numbers, few programs, and nothing left of them afterwards."""

import re

import pytest
import torch
from torch._dynamo.testing import CompileCounter

from bert.config import BertConfig
from bert.errors import InputError
from bert.heads.pretraining import BertForPreTraining
from bert.training import compilation
from bert.training.compilation import as_written, compiled_parts

CONFIG = BertConfig.of_size(
    4, 64, vocab_size=90, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, max_position_embeddings=24
)


def batch(seed: int) -> dict:
    generator = torch.Generator().manual_seed(seed)
    mask = (torch.arange(24) < torch.randint(6, 25, (5, 1), generator=generator)).long()
    places = torch.arange(5) * 24 + torch.randint(1, 6, (5,), generator=generator)
    ids = torch.randint(5, 90, mask.shape, generator=generator)
    return {
        "input_ids": ids, "token_type_ids": torch.zeros_like(ids), "attention_mask": mask,
        "masked_positions": places, "masked_labels": ids.flatten()[places],
        "next_sentence_labels": torch.ones(5, dtype=torch.int64),
    }  # fmt: skip


@pytest.fixture
def programs(monkeypatch):
    torch.compiler.reset()
    counter, compile_it = CompileCounter(), torch.compile
    monkeypatch.setattr(torch, "compile", lambda part, **how: compile_it(part, backend=counter, **how))
    return counter


def test_two_sets_of_programs_serve_all_batches_with_the_same_losses(programs):
    torch.manual_seed(0)
    model = BertForPreTraining(CONFIG)
    counts = []
    with compiled_parts(model):
        for seed in range(5):
            compiled = model.losses(batch(seed))
            counts.append(programs.frame_count)
            with as_written():
                written = model.losses(batch(seed))
            for name, loss in written.items():
                torch.testing.assert_close(list(compiled[name]), list(loss))
    assert counts[0] == 4  # embeddings, all layers but the last, the last, the vocabulary's loss
    assert counts[1] <= 8 and counts[1:] == [counts[1]] * 4


def test_batches_of_any_rows_with_padding_and_without_are_compiled(programs):
    model = BertForPreTraining(CONFIG)
    with compiled_parts(model):
        for seed in range(24):
            whole, rows = batch(seed), 1 + seed % 5
            lengths = (24, 24, 23, 12)[seed % 4]  # none, none, little and much padding
            mask = (torch.arange(24) < torch.tensor([24, *[lengths] * 4])[:, None]).long()
            part = {name: values[:rows] for name, values in whole.items()} | {"attention_mask": mask[:rows]}
            model.losses(part)
    assert programs.frame_count > 8  # PyTorch's own limit for one part


def test_too_many_programs_are_said_in_a_sentence(programs, monkeypatch):
    monkeypatch.setattr(compilation, "MOST_PROGRAMS", 1)
    model = BertForPreTraining(CONFIG)
    with pytest.raises(InputError, match="more than 1 programs"), compiled_parts(model):
        for seed in range(2):
            model.losses(batch(seed))


def test_afterwards_the_model_is_as_it_was(programs):
    model = BertForPreTraining(CONFIG)
    with pytest.raises(KeyError), compiled_parts(model):
        assert "forward" in vars(model.bert.embeddings)
        raise KeyError
    assert not any({"forward", "loss"} & vars(part).keys() for part in model.modules())
    model.losses(batch(0))
    assert programs.frame_count == 0


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
