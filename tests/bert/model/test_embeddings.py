"""Embeddings: three tables, added up and normalised."""

import math

import pytest
import torch
from torch.nn import functional as F

from bert.config import BertConfig
from bert.model.embeddings import Embeddings, sinusoids

CONFIG = BertConfig(
    vocab_size=17, hidden_size=5, num_attention_heads=1, max_position_embeddings=7, num_hidden_layers=1,
    intermediate_size=3, hidden_dropout_prob=0.5,
)  # fmt: skip


@pytest.fixture
def embeddings():
    return Embeddings(CONFIG).eval()


def test_a_token_is_its_word_plus_its_position_plus_its_segment(embeddings):
    input_ids, token_type_ids = torch.tensor([[3, 9, 3], [16, 0, 1]]), torch.tensor([[0, 0, 1], [1, 0, 1]])
    output = embeddings(input_ids, token_type_ids)
    for row in range(2):
        for position in range(3):
            total = (
                embeddings.word_embeddings.weight[input_ids[row, position]]
                + embeddings.position_embeddings.weight[position]
                + embeddings.token_type_embeddings.weight[token_type_ids[row, position]]
            )
            torch.testing.assert_close(output[row, position], F.layer_norm(total, (5,), eps=1e-12))


def test_without_segments_all_is_segment_a(embeddings):
    input_ids = torch.tensor([[3, 9, 3]])
    assert embeddings(input_ids).equal(embeddings(input_ids, torch.zeros_like(input_ids)))
    assert not embeddings(input_ids).equal(embeddings(input_ids, torch.ones_like(input_ids)))


def test_the_same_word_differs_by_position(embeddings):
    output = embeddings(torch.tensor([[3, 3]]))
    assert not output[0, 0].allclose(output[0, 1])


def test_too_long_a_sequence_is_refused_with_both_numbers(embeddings):
    embeddings(torch.zeros(1, 7, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"8 tokens .* 7 position"):
        embeddings(torch.zeros(1, 8, dtype=torch.int64))


def test_dropout_follows_the_normalisation(embeddings):
    output = embeddings.train()(torch.zeros(50, 7, dtype=torch.int64))
    dropped = (output == 0).float().mean().item()
    assert abs(dropped - 0.5) < 5 * (0.25 / output.numel()) ** 0.5


def test_sinusoids_are_the_equation_of_the_transformer():
    table = sinusoids(7, 6)
    for position in range(7):
        for pair in range(3):
            angle = position / 10_000 ** (2 * pair / 6)
            assert abs(table[position, 2 * pair].item() - math.sin(angle)) < 1e-6
            assert abs(table[position, 2 * pair + 1].item() - math.cos(angle)) < 1e-6
    assert sinusoids(3, 5).shape == (3, 5)


def test_positions_that_start_as_sinusoids_are_so_scaled_and_are_learned(embeddings):
    embeddings.start_positions_as_sinusoids(0.05)
    weight = embeddings.position_embeddings.weight
    assert abs(weight.std().item() - 0.05) < 1e-6
    torch.testing.assert_close(weight / weight[0, 1], sinusoids(7, 5))
    assert weight.requires_grad
