"""A prefix before each sequence: positions, lengths and what is given back."""

import pytest
import torch

from bert.adaptation.adapt import adapt, adaptation_of
from bert.adaptation.prefix import Lengthened, Prefix
from bert.model.sequences import Sequences
from tests.bert.adaptation.models import CONFIG, INPUTS, make_model


def test_each_sequence_gets_the_prefix_before_its_own_tokens():
    sequences = Sequences(torch.tensor([0, 2, 2, 5], dtype=torch.int32), 3)
    found = Lengthened.of(sequences, 2, 5)
    prefix, states = torch.tensor([[-1.0], [-2.0]]), torch.arange(5.0)[:, None]
    assert found.join(prefix, states).flatten().tolist() == [-1, -2, 0, 1, -1, -2, -1, -2, 2, 3, 4]
    assert found.sequences.lengths.tolist() == [4, 2, 5]
    assert found.sequences.longest == 5
    assert found.join(prefix, states.bfloat16()).dtype == torch.bfloat16


@torch.no_grad()
def test_attention_weights_are_those_of_the_text_and_the_prefix_takes_the_rest():
    model = make_model()
    adapt(model, Prefix(5))
    output = model.bert(**INPUTS, return_attention=True)
    plain = make_model().bert(**INPUTS, return_attention=True)
    assert [each.shape for each in output.attentions] == [each.shape for each in plain.attentions]
    is_token = INPUTS["attention_mask"].bool()
    rows = output.attentions[1].sum(dim=-1).transpose(1, 2)[is_token]
    assert (rows < 1).all() and rows.mean() < 0.9
    rows = plain.attentions[1].sum(dim=-1).transpose(1, 2)[is_token]
    torch.testing.assert_close(rows, torch.ones_like(rows))


@torch.no_grad()
def test_positions_are_the_checkpoints_own_unless_they_are_shifted():
    found = []
    for shift in (False, True):
        model = make_model()
        adapt(model, Prefix(5, shift_positions=shift))
        embeddings = model.bert(**INPUTS, return_hidden_states=True).hidden_states[0]
        found.append(embeddings[0])
    plain = make_model().bert
    assert found[0].equal(plain(**INPUTS, return_hidden_states=True).hidden_states[0][0])
    shifted = plain.embeddings(INPUTS["input_ids"][0], INPUTS["token_type_ids"][0], 5 + torch.arange(13))
    torch.testing.assert_close(found[1], shifted)


def test_shifted_positions_leave_less_room_and_a_longer_text_is_refused():
    inputs = {"input_ids": torch.ones(1, 25, dtype=torch.long)}
    model = make_model()
    adapt(model, Prefix(5, shift_positions=True))
    with pytest.raises(ValueError, match="25 tokens are too long for 24 position embeddings"):
        model(**inputs)
    assert model.config == CONFIG  # a checkpoint of the model says what it has
    model = make_model()
    adapt(model, Prefix(5))
    model(**inputs)


def test_the_prefix_is_in_the_state_once():
    model = make_model()
    adapt(model, Prefix(5, projection_size=3))
    names = [name for name in model.state_dict() if "prefix" in name or "tables" in name]
    assert names == [
        f"bert.encoder.prefix.{part}" for part in ("embeddings", "down.weight", "down.bias", "up.weight", "up.bias")
    ]
    assert set(names) <= set(adaptation_of(model).trained)


def test_it_starts_with_the_deviation_of_an_embedding():
    model = make_model()
    adapt(model, Prefix(28))
    assert model.bert.encoder.prefix.embeddings.std().item() == pytest.approx(1, abs=0.05)
