"""The prediction loop: batches of about one length and of a bounded number of tokens, and each window its own part."""

import random

import numpy as np
import pytest
import torch

from bert.config import BertConfig
from bert.errors import InputError
from bert.model.bert import BertModel
from bert.tasks.prediction import CACHE, batches_by_length, tokens_at_once, window_scores
from bert.tasks.windows import Window


def made_up(count):
    generator = random.Random(count)
    return [generator.randrange(1, 60) for _ in range(count)]


def make_model(intermediate_size=5):
    return BertModel(BertConfig(67, 2, 1, 1, intermediate_size, max_position_embeddings=64)).train()


@pytest.mark.parametrize("most_tokens", [1, 59, 130, 10**6])
def test_every_sequence_is_in_one_batch_and_no_batch_of_several_is_too_large(most_tokens):
    lengths = made_up(137)
    batches = list(batches_by_length(lengths, most_tokens))
    assert sorted(index for batch in batches for index in batch) == list(range(137))
    for batch in batches:
        assert len(batch) == 1 or sum(lengths[index] for index in batch) <= most_tokens


def test_batches_are_as_large_as_they_may_be():
    assert list(batches_by_length([3] * 7, 9)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(batches_by_length([3] * 7, 8)) == [[0, 1], [2, 3], [4, 5], [6]]
    assert list(batches_by_length([2, 3, 4], 9)) == [[0, 1, 2]]  # the shorter ones do not count as the longest


def test_they_go_from_short_to_long():
    lengths = made_up(53)
    order = [index for batch in batches_by_length(lengths, 100) for index in batch]
    assert [lengths[index] for index in order] == sorted(lengths)


def test_of_nothing_there_are_no_batches():
    assert list(batches_by_length([], 10)) == []
    assert window_scores(make_model(), [], lambda batch: batch.input_ids) == []


@pytest.mark.parametrize("most_tokens", [1, 40, 10**6])
def test_each_window_gets_its_own_part_of_the_output(most_tokens, monkeypatch):
    monkeypatch.setattr("bert.tasks.prediction.tokens_at_once", lambda model: most_tokens)
    generator, model = np.random.default_rng(0), make_model()
    windows = [
        Window(input_ids=ids, token_type_ids=np.zeros(len(ids), np.int8), selected=list(range(len(ids) // 2)))
        for ids in (generator.integers(0, 67, length) for length in made_up(23))
    ]
    examples = [windows[:4], [], windows[4:5], windows[5:]]
    seen = []

    def selected(batch):
        seen.append(len(batch.sequences.lengths))
        return batch.input_ids[batch.selected]

    of_tokens = window_scores(model, examples, lambda batch: batch.input_ids, len)
    of_items = window_scores(model, examples, selected, lambda window: len(window.selected))
    of_windows = window_scores(model, examples, lambda batch: batch.input_ids[batch.sequences.first])
    for parts, tokens, items, firsts in zip(examples, of_tokens, of_items, of_windows, strict=True):
        for window, *found in zip(parts, tokens, items, firsts, strict=True):
            expected = window.input_ids, window.input_ids[: len(window) // 2], window.input_ids[:1]
            assert all(map(np.array_equal, found, expected))
    assert sum(seen) == 23
    assert len(seen) == {1: 23, 10**6: 1}.get(most_tokens, len(seen))
    assert not model.training


@pytest.mark.parametrize("intermediate_size", [17, 1024, CACHE])
def test_on_the_cpu_the_widest_tensor_of_a_layer_fits_into_the_cache(intermediate_size):
    tokens = tokens_at_once(make_model(intermediate_size))
    assert tokens >= 1
    assert tokens == 1 or 4 * tokens * intermediate_size <= CACHE < 4 * (tokens + 1) * intermediate_size


def test_scores_that_are_no_numbers_are_refused_and_infinite_ones_are_not():
    window = Window(input_ids=np.array([2, 5, 3], np.int32), token_type_ids=np.zeros(3, np.int8))
    ((part,),) = window_scores(make_model(), [[window]], lambda batch: torch.tensor([[np.inf, -np.inf]]))
    assert part.tolist() == [[np.inf, -np.inf]]
    with pytest.raises(InputError, match="scores are not numbers"):
        window_scores(make_model(), [[window]], lambda batch: torch.full((1, 2), np.nan))


def test_gradients_are_not_kept():
    model = make_model()
    window = Window(input_ids=np.array([2, 5, 3], np.int32), token_type_ids=np.zeros(3, np.int8))

    def score(batch):
        states = model(**batch.inputs).pooler_output
        assert not states.requires_grad
        return states

    ((part,),) = window_scores(model, [[window]], score)
    assert part.shape == (1, 2)
    assert torch.is_grad_enabled()
