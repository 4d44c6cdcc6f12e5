"""Rotary positions: a score depends on the distance of two tokens, wherever they stand."""

import math

import numpy as np
import pytest
import torch

from bert.errors import InputError
from bert.model.sequences import Sequences
from bert.variants.rotary import turned
from tests.bert.variants.models import config_of, model_of


def test_each_pair_of_numbers_is_turned_as_a_point_by_its_frequency_and_position():
    states, positions = torch.randn(5, 2, 6), torch.tensor([0, 3, 1, 200, 17])
    expected = np.empty((5, 2, 6), np.float32)
    for token, position in enumerate(positions.tolist()):
        for pair in range(3):
            angle = position / 10_000 ** (2 * pair / 6)
            turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
            expected[token][:, [pair, pair + 3]] = states[token][:, [pair, pair + 3]].numpy() @ turn.T
    torch.testing.assert_close(turned(states, positions), torch.from_numpy(expected), rtol=1e-4, atol=1e-4)


def test_in_64_bits_the_angles_have_64_and_in_16_they_have_32():
    states, positions = torch.randn(3, 2, 10, dtype=torch.float64), torch.tensor([0, 511, 77])
    points = states[..., :5].numpy() + 1j * states[..., 5:].numpy()  # a pair as a complex number
    angles = positions.numpy()[:, None, None] / 10_000 ** (2 * np.arange(5) / 10)
    expected = points * np.exp(1j * angles)
    expected = torch.from_numpy(np.concatenate([expected.real, expected.imag], axis=-1))
    torch.testing.assert_close(turned(states, positions), expected, rtol=1e-11, atol=1e-11)
    in_16_bits = turned(states.bfloat16(), positions)
    assert in_16_bits.dtype == torch.bfloat16
    torch.testing.assert_close(in_16_bits.double(), expected, rtol=0.02, atol=0.04)


def test_a_score_stays_if_both_tokens_move_and_changes_if_one_does():
    query, key = torch.randn(2, 1, 1, 8)

    def score(from_position, to_position):
        at = (torch.tensor([position]) for position in (from_position, to_position))
        return (turned(query, next(at)) * turned(key, next(at))).sum()

    torch.testing.assert_close(score(5, 2), score(105, 102), rtol=1e-3, atol=1e-4)
    assert not score(5, 2).isclose(score(6, 2), atol=1e-2)


def shifted(bert, by: int):
    """The states of a sequence whose positions begin at ``by``."""
    ids = torch.arange(1, 8)
    sequences = Sequences(torch.tensor([0, 7]), 7 + by, torch.arange(7) + by)
    with torch.no_grad():
        return bert(ids, sequences=sequences).last_hidden_state


def test_a_text_has_the_same_states_wherever_it_begins_unless_positions_are_learned():
    rotary, learned = model_of("rotary"), model_of("")
    torch.testing.assert_close(shifted(rotary, 0), shifted(rotary, 13), rtol=1e-4, atol=1e-4)
    assert not shifted(learned, 0).allclose(shifted(learned, 13), atol=0.1)


def test_the_order_of_tokens_matters():
    bert, ids = model_of("rotary"), torch.arange(1, 8)[None]
    states, reversed_ = bert(ids).last_hidden_state, bert(ids.flip(1)).last_hidden_state.flip(1)
    assert not states.allclose(reversed_, atol=0.1)


def test_there_are_no_position_embeddings_and_a_head_needs_pairs():
    assert not [name for name, _ in model_of("rotary").named_parameters() if "position" in name]
    with pytest.raises(InputError, match="rotary positions turn pairs of numbers, and a head has 3; an even number"):
        config_of("rotary", hidden_size=9)
    config_of("gated", hidden_size=9)
