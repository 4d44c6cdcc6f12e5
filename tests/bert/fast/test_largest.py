"""The largest scores, block by block: PyTorch's, wherever they stand."""

import math

import pytest
import torch

from bert.fast.largest import BLOCK, largest


@pytest.mark.parametrize("count", [1, 2, 8])
@pytest.mark.parametrize("columns", [8_000, 4_099, 4 * 8 * BLOCK])
def test_they_are_pytorchs_in_the_same_order(columns, count):
    generator = torch.Generator().manual_seed(columns + count)
    scores = torch.stack([torch.randperm(columns, generator=generator) for _ in range(13)]).float()  # no two are equal
    values, places = largest(scores, count)
    expected = scores.topk(count, dim=1)
    assert values.equal(expected.values) and places.equal(expected.indices)


def test_all_may_be_in_one_block_and_any_may_be_the_last_column():
    scores = torch.zeros(2, 1_003)
    scores[0, 100:104] = torch.tensor([5.0, 7.0, 6.0, 8.0])
    scores[1, [1_002, 1_001, 0, 500]] = torch.tensor([9.0, 8.0, 7.0, 6.0])
    values, places = largest(scores, 3)
    assert places.tolist() == [[103, 101, 102], [1_002, 1_001, 0]]
    assert values.tolist() == [[8, 7, 6], [9, 8, 7]]


def test_where_all_but_one_are_impossible_that_one_is_first():
    scores = torch.full((1, 1_000), -math.inf)
    scores[0, 777] = -3.0
    values, places = largest(scores, 2)
    assert places[0, 0] == 777 and values[0].tolist() == [-3.0, -math.inf] and places[0, 1] < 1_000


def test_of_few_scores_it_leaves_the_search_to_pytorch():
    assert largest(torch.randn(2, 4 * BLOCK - 1), 1) is NotImplemented
