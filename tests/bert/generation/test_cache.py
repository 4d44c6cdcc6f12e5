"""The cache: a step gives what the whole computation gives, whatever was reordered before."""

import pytest
import torch

import bert.generation.cache as cache_room
from bert.generation.cache import attend
from bert.model.attention import scaled_dot_product_attention
from tests.bert.generation.models import SHARED, SOURCE_MASK, SOURCES, WIDER, random_model

ORDERS = {
    "as they are": lambda rows, generator: torch.arange(rows),
    "beams side by side": lambda rows, generator: torch.arange(rows).repeat_interleave(2),
    "any, also several times": lambda rows, generator: torch.randint(rows, (7,), generator=generator),
    "fewer": lambda rows, generator: torch.randperm(rows, generator=generator)[: max(rows - 1, 1)],
    "sources leave": lambda rows, generator: torch.arange(rows)[rows // 2 :],
}


@torch.no_grad()
@pytest.mark.parametrize("config", [None, WIDER, SHARED], ids=["one size", "two sizes", "shared"])
def test_a_step_is_the_last_position_of_the_whole_computation_after_any_reordering(config):
    model = random_model() if config is None else random_model(config)
    generator = torch.Generator().manual_seed(6)
    cache = model.start(model.encode(SOURCES, SOURCE_MASK))
    source, written = torch.arange(4), torch.empty(4, 0, dtype=torch.int64)
    names = list(ORDERS)
    for position in range(23):  # beyond the first 16 positions that there is room for
        name = names[position % len(names)]
        if name == "beams side by side" and len(source) > 8:
            name = "fewer"
        rows = ORDERS[name](len(source), generator)
        cache.reorder(rows)
        source, written = source[rows], written[rows]
        pieces = torch.randint(5, 31, (len(rows),), generator=generator)
        written = torch.cat([written, pieces[:, None]], dim=1)
        logits = model.step(pieces, cache)
        expected = model(SOURCES[source], written, SOURCE_MASK[source]).logits[:, -1]
        torch.testing.assert_close(logits, expected, rtol=1e-5, atol=1e-6 * float(expected.detach().abs().max()))
        assert len(cache) == len(rows) and cache.position == position + 1


def test_rows_may_be_repeated_before_the_first_step_and_their_sources_are_kept_once():
    model = random_model()
    cache = model.start(model.encode(SOURCES, SOURCE_MASK))
    before = cache._memory[0][0].data_ptr()
    cache.reorder(torch.arange(4).repeat_interleave(3))
    logits = model.step(torch.full((12,), 2), cache)
    assert cache._memory[0][0].data_ptr() == before and len(cache._memory[0][0]) == 4
    expected = model(SOURCES, torch.full((4, 1), 2), SOURCE_MASK).logits[:, 0]
    torch.testing.assert_close(logits, expected.repeat_interleave(3, dim=0), rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_sources_without_padding_need_no_mask():
    model = random_model()
    cache = model.start(model.encode(SOURCES))
    assert cache._is_source is None
    rows = torch.tensor([3, 0, 0, 1, 2])
    cache.reorder(rows)
    logits = model.step(torch.full((5,), 2), cache)
    expected = model(SOURCES[rows], torch.full((5, 1), 2)).logits[:, 0]
    torch.testing.assert_close(logits, expected, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_as_many_rows_are_reordered_in_place_and_part_by_part(monkeypatch):
    """A second copy of the cache would be the largest tensor of a beam search."""
    monkeypatch.setattr(cache_room, "AT_ONCE", 1)  # a position at a time
    model = random_model()
    cache = model.start(model.encode(SOURCES, SOURCE_MASK))
    written = torch.tensor([[5, 9, 14], [6, 10, 15], [7, 11, 16], [8, 12, 17]])
    for position in range(3):
        model.step(written[:, position], cache)
    before = cache._written.data_ptr()
    rows = torch.tensor([2, 2, 0, 1])
    cache.reorder(rows)
    assert cache._written.data_ptr() == before
    logits = model.step(torch.full((4,), 13), cache)
    expected = model(SOURCES[rows], torch.cat([written[rows], torch.full((4, 1), 13)], dim=1), SOURCE_MASK[rows]).logits
    torch.testing.assert_close(logits, expected[:, -1], rtol=1e-5, atol=1e-5)


def test_there_is_room_for_a_few_positions_more_than_are_written():
    model = random_model()
    cache = model.start(model.encode(SOURCES, SOURCE_MASK))
    for _ in range(20):
        model.step(torch.full((4,), 5), cache)
    assert len(cache._written) == 2 * cache_room.GROWTH


def test_the_order_matters():
    model = random_model()
    cache = model.start(model.encode(SOURCES, SOURCE_MASK))
    first = model.step(torch.tensor([5, 6, 7, 8]), cache)
    cache.reorder(torch.tensor([1, 0, 3, 2]))
    swapped = model.step(torch.tensor([9, 9, 9, 9]), cache)
    expected = model(SOURCES, torch.tensor([[5, 9], [6, 9], [7, 9], [8, 9]]), SOURCE_MASK).logits[:, 1]
    assert (swapped - expected).abs().max() > 0.1 and first.shape == (4, 31)


def test_no_row_is_left_and_no_source_is_given():
    model = random_model()
    cache = model.start(model.encode(SOURCES, SOURCE_MASK))
    model.step(torch.tensor([2, 2, 2, 2]), cache)
    cache.reorder(torch.empty(0, dtype=torch.int64))
    assert model.step(torch.empty(0, dtype=torch.int64), cache).shape == (0, 31)


def test_the_keys_of_the_sources_are_computed_once():
    model = random_model()
    calls = []
    for layer in model.decoder.layers:
        layer.cross_attention.key.register_forward_hook(lambda *_: calls.append(1))
    cache = model.start(model.encode(SOURCES, SOURCE_MASK))
    for _ in range(3):
        cache.reorder(torch.tensor([0, 0, 2, 2, 3, 3])[: len(cache) + 2])
        model.step(torch.full((len(cache),), 5), cache)
    assert len(calls) == 3  # of three layers


def test_it_ends_with_the_position_embeddings_and_wants_no_dropout():
    model = random_model()
    cache = model.start(model.encode(SOURCES, SOURCE_MASK))
    for _ in range(29):
        model.step(torch.full((4,), 5), cache)
    with pytest.raises(ValueError, match="as long as it can be: 29 tokens"):
        model.step(torch.full((4,), 5), cache)
    with pytest.raises(ValueError, match=r"call model.eval\(\)"):
        model.train().start(model.encode(SOURCES, SOURCE_MASK))


def test_its_attention_is_the_models():
    generator = torch.Generator().manual_seed(7)
    query, key, value = (torch.randn(3, 5, length, 11, generator=generator) for length in (2, 7, 7))
    expected, _ = scaled_dot_product_attention(query[1], key[1], value[1])
    torch.testing.assert_close(attend(query, key, value, None)[1], expected)
    may_attend = torch.arange(7) < torch.tensor([7, 4, 2])[:, None, None, None]
    expected, _ = scaled_dot_product_attention(query[1], key[1, :, :4], value[1, :, :4])
    torch.testing.assert_close(attend(query, key, value, may_attend)[1], expected)
