"""Dropout: how much it drops, by how much the rest grows, and where it stands in a layer."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from bert import fast
from bert.model.dropout import dropout
from bert.selftest.equations.encoder_layer import Factors, encoder_layer
from bert.selftest.equations.parameters import part
from bert.selftest.rows import DOUBLE, Row, check, largest_error, sigmas
from bert.selftest.subject import Subject

FILE = "bert/model/dropout.py"
NUMBERS, PROBABILITY = 1 << 14, 0.3
MOST_SIGMAS = 5.0  # standard deviations: by chance, one share in two million is further away
LEVELS_ERROR = 1e-4  # the kernel rounds the probability to a multiple of 1/65,536


def dropout_rows(subject: Subject) -> Iterator[Row]:
    """The rows of dropout's plain form, and of a layer in which it drops."""
    device = subject.device

    def plain(numbers: Tensor, probability: float) -> Tensor:
        with fast.off():
            return dropout(numbers, probability)

    yield check("share dropped (standard deviations)", FILE, MOST_SIGMAS, lambda: share_error(plain, device))
    yield check("what is kept, and gradients", FILE, LEVELS_ERROR, lambda: scale_error(plain, device))
    yield check("layer with dropout", "bert/model/encoder.py", DOUBLE, lambda: layer_error(subject))


def share_error(drop: Callable[[Tensor, float], Tensor], device: torch.device) -> float:
    """By how many standard deviations the share of zeros differs from the probability."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(0)
        kept = drop(torch.ones(NUMBERS, device=device), PROBABILITY) != 0
    return sigmas(1 - kept.double().mean().item(), PROBABILITY, NUMBERS)


def scale_error(drop: Callable[[Tensor, float], Tensor], device: torch.device) -> float:
    """What is kept is divided by (1 - probability), and so is its gradient. What is dropped has none."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(1)
        numbers = (torch.rand(NUMBERS, device=device) + 0.5).requires_grad_()
        found = drop(numbers, PROBABILITY)
        (gradient,) = torch.autograd.grad(found.sum(), numbers)
    factors = (found != 0).float() / (1 - PROBABILITY)
    return max(largest_error(found, numbers * factors), largest_error(gradient, factors))


@torch.no_grad()
def layer_error(subject: Subject) -> float:
    """A layer that trains, in float64. We draw its masks again: the same seed, the same shapes in the same order."""
    inputs, config, device = subject.inputs, subject.model.config, subject.device
    below = np.random.default_rng(0).normal(size=(len(inputs.input_ids), config.hidden_size))
    states, (_, _, sequences) = torch.from_numpy(below).to(device), inputs.tensors(device)
    layer: Any = copy.deepcopy(subject.model.bert.encoder.layers[0]).double().train()
    layer.attention.dropout_probability = layer.dropout.p = PROBABILITY

    def factors(*shape: int) -> np.ndarray:
        return F.dropout(torch.ones(shape, dtype=torch.float64, device=device), PROBABILITY).cpu().numpy()

    with torch.random.fork_rng([device] if device.type == "cuda" else []), fast.off():
        torch.manual_seed(2)
        found, _ = layer(states, states, sequences, sequences)
        torch.manual_seed(2)
        heads = config.num_attention_heads
        of_weights = [factors(heads, length, length) for length in inputs.lengths]
        drawn = Factors(of_weights, factors(*below.shape), factors(*below.shape))
    own, sizes = part(subject.parameters, "bert.encoder.layers.0"), subject.sizes
    expected = encoder_layer(below, inputs.lengths, own, heads, sizes.hidden_act, sizes.layer_norm_eps, drawn)
    return largest_error(found, expected)
