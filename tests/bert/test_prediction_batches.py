"""Batches of about one length, of a bounded number of tokens."""

import random

import pytest

from bert.config import BertConfig
from bert.model.bert import BertModel
from bert.prediction_batches import CACHE, batches_by_length, tokens_at_once


def made_up(count):
    generator = random.Random(count)
    return [generator.randrange(1, 60) for _ in range(count)], [generator.randrange(1, 5) for _ in range(count)]


@pytest.mark.parametrize("most_tokens", [1, 59, 130, 10**6])
@pytest.mark.parametrize("with_rows", [False, True])
def test_every_input_is_in_one_batch_and_no_batch_of_several_is_too_large(most_tokens, with_rows):
    lengths, rows = made_up(137)
    batches = list(batches_by_length(lengths, most_tokens, rows if with_rows else None))
    assert sorted(number for batch in batches for number in batch) == list(range(137))
    for batch in batches:
        most_rows = max(rows[number] for number in batch) if with_rows else 1
        assert len(batch) == 1 or len(batch) * most_rows * max(lengths[number] for number in batch) <= most_tokens


def test_batches_are_as_large_as_they_may_be():
    assert list(batches_by_length([3] * 7, 9)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(batches_by_length([3] * 7, 8)) == [[0, 1], [2, 3], [4, 5], [6]]


def test_they_go_from_short_to_long_and_from_few_rows_to_many():
    lengths, rows = made_up(53)
    order = [number for batch in batches_by_length(lengths, 100) for number in batch]
    assert [lengths[number] for number in order] == sorted(lengths)
    order = [number for batch in batches_by_length(lengths, 100, rows) for number in batch]
    assert [(rows[number], lengths[number]) for number in order] == sorted(zip(rows, lengths))


def test_of_nothing_there_are_no_batches():
    assert list(batches_by_length([], 10)) == []


@pytest.mark.parametrize("intermediate_size", [17, 1024, CACHE])
def test_on_the_cpu_the_widest_tensor_of_a_layer_fits_into_the_cache(intermediate_size):
    model = BertModel(BertConfig(31, 1, 1, 1, intermediate_size, max_position_embeddings=8))
    tokens = tokens_at_once(model)
    assert tokens >= 1
    assert tokens == 1 or 4 * tokens * intermediate_size <= CACHE < 4 * (tokens + 1) * intermediate_size
