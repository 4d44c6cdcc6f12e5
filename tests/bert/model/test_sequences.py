"""Sequences end to end, and their places in a padded batch."""

import pytest
import torch

from bert.heads.batch import sequences_of
from bert.model.sequences import Padding

LENGTHS = (3, 9, 1, 5)
SEQUENCES = sequences_of(LENGTHS)
MASK = torch.arange(9) < torch.tensor(LENGTHS)[:, None]
IDS = torch.randint(1, 50, MASK.shape, generator=torch.Generator().manual_seed(0))


def test_boundaries_first_tokens_lengths_and_positions_say_the_same():
    assert SEQUENCES.boundaries.tolist() == [0, 3, 12, 13, 18]
    assert SEQUENCES.first.tolist() == [0, 3, 12, 13]
    assert SEQUENCES.lengths.tolist() == list(LENGTHS)
    assert SEQUENCES.longest == 9
    assert SEQUENCES.positions(torch.zeros(18)).tolist() == [place for length in LENGTHS for place in range(length)]


def test_selected_tokens_stay_in_their_sequences_and_may_be_there_twice():
    selected = SEQUENCES.select(torch.tensor([0, 3, 3, 4, 11, 17]))
    assert selected.boundaries.tolist() == [0, 1, 5, 5, 6]
    assert selected.longest >= 4


def test_padding_and_unpadding_undo_each_other():
    for padding in (SEQUENCES.padding, Padding.of_mask(MASK, IDS)):
        tokens = padding.unpad(IDS)
        assert tokens.tolist() == [IDS[row, column].item() for row in range(4) for column in range(LENGTHS[row])]
        assert padding.pad(tokens).equal(IDS * MASK)
        assert padding.pad(tokens, -7).equal(torch.where(MASK, IDS, -7))


def test_a_mask_says_the_boundaries():
    sequences = Padding.of_mask(MASK, IDS).sequences
    assert sequences.boundaries.equal(SEQUENCES.boundaries)
    assert sequences.longest == 9


@pytest.mark.parametrize("dtype", [torch.bool, torch.int64, torch.float32])
def test_a_mask_may_have_holes_and_any_type(dtype):
    mask = torch.tensor([[1, 0, 1, 0], [0, 0, 1, 1]], dtype=dtype)
    padding = Padding.of_mask(mask, mask)
    assert padding.indices.tolist() == [0, 2, 6, 7]
    assert padding.sequences.positions(torch.zeros(4)).tolist() == [0, 2, 2, 3]
    assert padding.sequences.boundaries.tolist() == [0, 2, 4]


def test_a_row_without_a_token_is_read_as_its_first_token():
    mask = torch.tensor([[0, 0, 0], [1, 1, 0]])
    assert Padding.of_mask(mask, mask).indices.tolist() == [0, 3, 4]


def test_weights_of_each_sequence_become_a_padded_batch():
    weights = [torch.rand(2, length, length) for length in LENGTHS]
    padded = SEQUENCES.padding.pad_attention(weights)
    assert padded.shape == (4, 2, 9, 9)
    for row, (length, its_weights) in enumerate(zip(LENGTHS, weights)):
        assert padded[row, :, :length, :length].equal(its_weights)
        assert padded[row].sum() == pytest.approx(its_weights.sum().item())
