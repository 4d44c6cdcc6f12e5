"""The padded form gives our own model's numbers, at tokens and at padding."""

import pytest
import torch

from bert.adaptation.adapt import adapt
from bert.adaptation.houlsby import Houlsby
from bert.adaptation.prefix import Prefix
from bert.commands.embed import pool as pool_sequences
from bert.export.forms import form_of
from bert.export.padded import in_padded_form, pool, real_tokens
from bert.heads.batch import sequences_of
from tests.bert.export.heads import HEADS, SHAPES, batch_for, largest_difference, small_model


def both(head, inputs):
    form = form_of(head)
    with torch.no_grad():
        return form.read(head, inputs), form.read(in_padded_form(head), inputs)


@pytest.mark.parametrize("name", HEADS)
def test_every_head_gives_what_it_gives_without_padding(name):
    head = small_model(name, layers=2)
    for batch, seq in SHAPES:
        assert largest_difference(*both(head, batch_for(head, batch, seq))) < 1e-5


@pytest.mark.parametrize("method", [Houlsby(size=3), Prefix(length=4), Prefix(length=4, shift_positions=True)])
def test_adapters_that_cannot_be_merged_are_computed_beside_the_body(method):
    head = small_model("tags", layers=2)
    inputs = batch_for(head, 5, 9)
    before, _ = both(head, inputs)
    adapt(head, method)
    head.eval()
    with torch.no_grad():
        for parameter in head.parameters():
            parameter += 0.1
    ours, padded = both(head, inputs)
    assert largest_difference(ours, padded) < 1e-5
    assert largest_difference(before, ours) > 1e-2  # the adapter does something


def test_a_padded_model_shares_its_parameters_and_leaves_the_model_alone():
    head = small_model("classes")
    own = dict(head.named_modules())
    padded = in_padded_form(head)
    assert {id(each) for each in padded.parameters()} == {id(each) for each in head.parameters()}
    assert dict(head.named_modules()) == own


@pytest.mark.parametrize("pooling", ["cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"])
def test_pooling_of_padded_states_equals_that_of_sequences(pooling):
    lengths = [4, 1, 7]
    sequences = sequences_of(lengths)
    states = torch.randn(sum(lengths), 5)
    padded = sequences.padding.pad(states)
    is_token = real_tokens(sequences.padding.pad(torch.ones(sum(lengths))))
    expected = pool_sequences(states[:, None], sequences, pooling)[:, 0]
    assert torch.allclose(pool(padded, is_token, pooling), expected, atol=1e-6)
