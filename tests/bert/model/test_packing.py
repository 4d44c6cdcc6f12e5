"""The packed path: the same numbers at real tokens as the padded one, forward and backward."""

import dataclasses

import pytest
import torch
from bert.model.packing import Packing, find_packing, lacks_packed_attention

import bert.model.bert
from bert.config import BertConfig
from bert.model.bert import BertModel

CONFIG = BertConfig(
    vocab_size=50, hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=40,
    max_position_embeddings=16, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
)  # fmt: skip
LENGTHS = (3, 9, 1, 0, 5)  # a sequence without a token has no place in a batch, and yet harms nothing
MASK = (torch.arange(9) < torch.tensor(LENGTHS)[:, None]).long()
IDS = torch.randint(1, 50, MASK.shape, generator=torch.Generator().manual_seed(0))
TYPES = (torch.arange(9) > 2).long().expand(MASK.shape)


@pytest.mark.parametrize("packed", [True, False])
def test_the_last_states_of_some_tokens_alone_are_those_that_all_have(packed, monkeypatch):
    mask, ids, types = (rows[[0, 1, 2, 4]] for rows in (MASK, IDS, TYPES))  # every sequence has a token
    chosen = torch.tensor([2, 9, 11, 17, 31])  # two of the first, three of the second (its last), one of the last
    torch.manual_seed(1)
    model = BertModel(CONFIG)
    torch.nn.init.normal_(model.embeddings.position_embeddings.weight)
    whole = model(ids, types, mask)
    expected = whole.last_hidden_state.flatten(0, 1)[chosen]
    (expected.square().sum() + whole.pooler_output.sum()).backward()
    gradients = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}
    model.zero_grad()

    if not packed:
        monkeypatch.setattr(bert.model.bert, "find_packing", lambda mask: None)
    seen = []
    model.encoder.layers[-1].feed_forward.register_forward_hook(lambda module, inputs, output: seen.append(len(output)))
    some = model.read(ids, types, mask, only_at=chosen)
    torch.testing.assert_close(some.last_hidden_state, expected)
    torch.testing.assert_close(some.pooler_output, whole.pooler_output)
    assert not torch.allclose(some.last_hidden_state, whole.last_hidden_state.flatten(0, 1)[chosen - 1])
    assert seen == [len({0, 9, 18, 27} | set(chosen.tolist()))]
    (some.last_hidden_state.square().sum() + some.pooler_output.sum()).backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, gradients[name], msg=name)


def test_where_padding_is_among_the_tokens_asked_for_nothing_is_packed(monkeypatch):
    torch.manual_seed(1)
    model = BertModel(CONFIG)
    empty_last = [0, 1, 2, 4, 3]  # the [CLS] of a sequence without a token is padding
    ids, types, mask = (rows[empty_last] for rows in (IDS, TYPES, MASK))
    chosen = torch.tensor([2, 5, 44])  # a token, and two places of padding
    some = model.read(ids, types, mask, only_at=chosen)
    monkeypatch.setattr(bert.model.bert, "find_packing", lambda mask: None)
    padded = model(ids, types, mask)
    torch.testing.assert_close(some.last_hidden_state, padded.last_hidden_state.flatten(0, 1)[chosen])
    torch.testing.assert_close(some.pooler_output, padded.pooler_output)


def test_a_packing_that_is_given_may_have_padding_in_it():
    torch.manual_seed(1)
    model = BertModel(CONFIG)
    ids, types, mask = (rows[[0, 1, 2, 4]] for rows in (IDS, TYPES, MASK))
    chosen = torch.tensor([2, 9, 11, 31])
    expected = model.read(ids, types, mask, chosen)
    real = mask.flatten().bool()
    packing = Packing(torch.cat([real.nonzero()[:, 0], (~real).nonzero()[2:5, 0]]), 4, 9)
    some = model.read(ids, types, mask, chosen, packing)
    torch.testing.assert_close(some.last_hidden_state, expected.last_hidden_state)
    torch.testing.assert_close(some.pooler_output, expected.pooler_output)


def test_without_a_pooler_nothing_but_what_is_asked_for_comes_out_of_the_last_layer():
    model = BertModel(CONFIG, with_pooler=False)
    rows = []
    model.encoder.layers[-1].feed_forward.register_forward_hook(lambda module, inputs, output: rows.append(len(output)))
    assert model.read(IDS[:3], TYPES[:3], MASK[:3], torch.tensor([11, 2, 11])).last_hidden_state.shape == (3, 24)
    assert rows == [2]


@pytest.mark.parametrize("capability, lacks", [((7, 5), True), ((8, 0), False), ((9, 0), False)])
def test_gpus_before_ampere_are_not_told_boundaries(monkeypatch, capability, lacks):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    lacks_packed_attention.cache_clear()
    assert lacks_packed_attention(torch.device("cuda", 0)) == lacks
    lacks_packed_attention.cache_clear()
    assert not lacks_packed_attention(torch.device("cpu"))


def test_packing_and_unpacking_undo_each_other():
    packing = find_packing(MASK)
    assert packing.pack(IDS).tolist() == [IDS[row, place].item() for row in range(5) for place in range(LENGTHS[row])]
    assert packing.positions.tolist() == [place for length in LENGTHS for place in range(length)]
    assert packing.unpack(packing.pack(IDS)).equal(IDS * MASK)


@pytest.mark.parametrize("mask", [None, torch.ones(4, 8), torch.zeros(4, 8)])
def test_a_batch_is_left_as_it_is_where_packing_does_not_pay(mask):
    assert find_packing(mask) is None


def test_a_mask_may_have_holes_and_any_type():
    mask = torch.tensor([[True, False, True, False], [True, True, False, False]])
    assert find_packing(mask) is not None
    assert find_packing(mask).places.tolist() == find_packing(mask.float()).places.tolist() == [0, 2, 4, 5]
    assert dataclasses.astuple(find_packing(mask))[1:] == (2, 4, None)
    assert isinstance(find_packing(mask), Packing)
