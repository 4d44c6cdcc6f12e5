"""Embeddings: three tables, added up and normalised."""

import pytest
import torch
from torch.nn import functional as F

from bert.config import BertConfig
from bert.model.embeddings import Embeddings

CONFIG = BertConfig(
    vocab_size=17, hidden_size=5, num_attention_heads=1, max_position_embeddings=7, num_hidden_layers=1,
    intermediate_size=3, hidden_dropout_prob=0.5,
)  # fmt: skip


@pytest.fixture
def embeddings():
    return Embeddings(CONFIG).eval()


def test_a_token_is_its_word_plus_its_position_plus_its_segment(embeddings):
    input_ids, token_type_ids = torch.tensor([3, 9, 3, 16, 0, 1]), torch.tensor([0, 0, 1, 1, 0, 1])
    positions = torch.tensor([0, 1, 2, 0, 1, 6])
    output = embeddings(input_ids, token_type_ids, positions)
    for token in range(6):
        total = (
            embeddings.word_embeddings.weight[input_ids[token]]
            + embeddings.position_embeddings.weight[positions[token]]
            + embeddings.token_type_embeddings.weight[token_type_ids[token]]
        )
        torch.testing.assert_close(output[token], F.layer_norm(total, (5,), eps=1e-12))


def test_the_same_word_differs_by_position(embeddings):
    output = embeddings(torch.tensor([3, 3]), torch.zeros(2, dtype=torch.int64), torch.tensor([0, 1]))
    assert not output[0].allclose(output[1])


def test_dropout_follows_the_normalisation(embeddings):
    zeros = torch.zeros(350, dtype=torch.int64)
    output = embeddings.train()(zeros, zeros, torch.arange(350) % 7)
    dropped = (output == 0).float().mean().item()
    assert abs(dropped - 0.5) < 5 * (0.25 / output.numel()) ** 0.5
