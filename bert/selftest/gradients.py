"""Gradients against finite differences, in float64 at tiny sizes.

For each parameter we go a small step h forwards and backwards in a random direction. The slope of the outputs is

    (f(parameter + h * direction) - f(parameter - h * direction)) / 2h      and must be      gradient . direction

f is a sum of all scores of the model, each with a weight of its own. So no wrong gradient can cancel another.
"""

import copy
from collections.abc import Iterator

import torch
from torch import Tensor

from bert import fast
from bert.selftest.rows import Row, check, largest_error
from bert.selftest.subject import random_subject

STEP = 1e-5
BOUND = 1e-6  # the step's own error is about 1e-8

# Which parameters, by the beginning or a part of their names; the row, and the file. The first that fits counts.
GROUPS = (
    ("word_embeddings", "word embeddings, tied to the scores", "bert/heads/pretraining.py"),
    ("bert.embeddings", "other embeddings", "bert/model/embeddings.py"),
    (".attention.", "attention", "bert/model/attention.py"),
    (".feed_forward.", "feed-forward", "bert/model/feed_forward.py"),
    ("bert.encoder", "LayerNorms of the layers", "bert/model/encoder.py"),
    ("bert.pooler", "pooler", "bert/model/bert.py"),
    ("", "heads", "bert/heads/pretraining.py"),
)


def gradient_rows(device: torch.device) -> Iterator[Row]:
    """A row for the parameters of each part."""
    subject = random_subject(device)
    model = copy.deepcopy(subject.model).double()
    ids, types, sequences = subject.inputs.tensors(device)
    generator = torch.Generator().manual_seed(0)

    def output() -> Tensor:
        with fast.off():
            found = model(ids, types, sequences=sequences)
        scores = torch.cat([found.prediction_logits.flatten(), found.next_sentence_logits.flatten()])
        weights = torch.arange(len(scores), device=device, dtype=torch.float64).cos()
        return (scores * weights).sum() / len(scores) ** 0.5

    def group_error(parameters: list[torch.nn.Parameter]) -> float:
        if not parameters:
            raise ValueError("the model has no such parameter")
        gradients = torch.autograd.grad(output(), parameters)
        found, expected = [], []
        for parameter, gradient in zip(parameters, gradients):
            direction = torch.randn(parameter.shape, generator=generator, dtype=torch.float64).to(device)
            found.append((gradient * direction).sum())
            before = parameter.detach().clone()
            with torch.no_grad():
                parameter.copy_(before + STEP * direction)
                forwards = output()
                parameter.copy_(before - STEP * direction)
                backwards = output()
                parameter.copy_(before)
            expected.append((forwards - backwards) / (2 * STEP))
        return largest_error(torch.stack(found), torch.stack(expected))

    left = dict(model.named_parameters())
    for pattern, name, file in GROUPS:
        own = {each: left.pop(each) for each in list(left) if pattern in each}
        yield check(name, file, BOUND, lambda own=own: group_error(list(own.values())))
