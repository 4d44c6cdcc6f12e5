"""Position embeddings that start as the Transformer's sinusoids."""

import math

import torch

from bert.config import BertConfig
from bert.model.embeddings import Embeddings
from pretraining.sinusoids import sinusoids, start_positions_as_sinusoids


def test_sinusoids_are_the_equation_of_the_transformer():
    table = sinusoids(7, 6)
    for position in range(7):
        for pair in range(3):
            angle = position / 10_000 ** (2 * pair / 6)
            assert abs(table[position, 2 * pair].item() - math.sin(angle)) < 1e-6
            assert abs(table[position, 2 * pair + 1].item() - math.cos(angle)) < 1e-6
    assert sinusoids(3, 5).shape == (3, 5)


def test_positions_that_start_as_sinusoids_are_so_scaled_and_are_learned():
    embeddings = Embeddings(BertConfig(17, 5, 1, 1, 3, max_position_embeddings=7))
    start_positions_as_sinusoids(embeddings, 0.05)
    weight = embeddings.position_embeddings.weight
    assert abs(weight.std().item() - 0.05) < 1e-6
    torch.testing.assert_close(weight / weight[0, 1], sinusoids(7, 5))
    assert weight.requires_grad
