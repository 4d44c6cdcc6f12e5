"""What holds for every variant, alone and together."""

import copy

import pytest
import torch

from bert import fast
from bert.config import BertConfig, checked_variant
from bert.errors import InputError
from bert.heads.batch import sequences_of
from bert.heads.pretraining import BertForPreTraining
from bert.model.bert import BertModel
from bert.training.layer_wise import reinitialize_top_layers
from bert.variants.build import as_variant, variant_of
from tests.bert.variants.models import ALL, EACH, config_of, model_of, padded_batch


@pytest.mark.parametrize("variant", EACH)
def test_padding_does_not_matter_and_tokens_do(variant):
    bert, (ids, mask) = model_of(variant), padded_batch()
    changed = torch.where(mask > 0, ids, ids % 30 + 1)
    before, after = bert(ids, attention_mask=mask), bert(changed, attention_mask=mask)
    torch.testing.assert_close(before.last_hidden_state, after.last_hidden_state)
    torch.testing.assert_close(before.pooler_output, after.pooler_output)
    alone = bert(ids[1:2, :4])
    torch.testing.assert_close(alone.last_hidden_state[0], before.last_hidden_state[1, :4], rtol=1e-4, atol=1e-4)
    other = bert(ids % 30 + 1, attention_mask=mask)
    assert not other.last_hidden_state.allclose(before.last_hidden_state, atol=0.1)


@pytest.mark.parametrize("variant", EACH)
def test_selected_tokens_have_the_states_that_they_have_among_all(variant):
    """Above all with rotary positions: a selected token must keep its own."""
    bert, (ids, mask) = model_of(variant), padded_batch()
    tokens, sequences = ids[mask > 0], sequences_of((7, 4, 11))
    everywhere = bert(tokens, sequences=sequences)
    selected = torch.tensor([6, 12, 3, 21, 8])
    some = bert(tokens, sequences=sequences, selected=selected)
    torch.testing.assert_close(some.last_hidden_state, everywhere.last_hidden_state[selected], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(some.pooler_output, everywhere.pooler_output, rtol=1e-4, atol=1e-4)
    assert not some.last_hidden_state.allclose(everywhere.last_hidden_state[selected.flip(0)], atol=0.1)


@pytest.mark.parametrize("variant", EACH)
def test_fast_equals_plain_with_gradients_for_every_parameter(variant):
    model = model_of(variant, BertForPreTraining)
    ids, mask = padded_batch()

    def run():
        model.zero_grad()
        output = model(ids, attention_mask=mask)
        (output.prediction_logits[mask > 0].square().mean() + output.next_sentence_logits.sum()).backward()
        return {name: weight.grad.clone() for name, weight in model.named_parameters()}

    found = run()
    with fast.off():
        torch.testing.assert_close(found, run(), rtol=1e-3, atol=1e-4)
    for name, gradient in found.items():  # a key's bias has none, unless the keys are turned after it
        assert gradient.abs().max() > 1e-6 or name.endswith("key.bias"), name


@pytest.mark.parametrize("variant", EACH)
def test_the_model_says_what_it_is_and_a_copy_computes_the_same(variant):
    bert, (ids, mask) = model_of(variant), padded_batch()
    assert variant_of(bert) == bert.config.variant == variant
    copied = copy.deepcopy(bert)
    assert variant_of(copied) == variant
    torch.testing.assert_close(
        copied(ids, attention_mask=mask).last_hidden_state, bert(ids, attention_mask=mask).last_hidden_state
    )
    parameters = [id(parameter) for parameter in bert.parameters()]
    assert as_variant(bert) is bert
    assert [id(parameter) for parameter in bert.parameters()] == parameters  # it has its variant already


def test_variants_compute_different_things_from_the_same_parameters():
    ids, mask = padded_batch()
    states = []
    for variant in ("", "left-to-right", "rotary", "rotary,left-to-right"):
        torch.manual_seed(0)
        bert = as_variant(BertModel(config_of(variant, initializer_range=0.5))).eval()
        states.append(bert(ids, attention_mask=mask).last_hidden_state)
    for first in range(4):
        for second in range(first):
            assert not states[first].allclose(states[second], atol=0.1)


def test_the_papers_model_stays_as_it_is_and_draws_the_same_random_numbers():
    torch.manual_seed(0)
    plain = BertForPreTraining(config_of(""))
    drawn = torch.rand(1)
    torch.manual_seed(0)
    same = as_variant(BertForPreTraining(config_of("")))
    assert torch.rand(1) == drawn
    assert [type(module) for module in same.modules()] == [type(module) for module in plain.modules()]
    assert all(a.equal(b) for a, b in zip(same.state_dict().values(), plain.state_dict().values(), strict=True))
    assert variant_of(same) == ""


def test_new_weights_start_as_berts_do_and_again_in_top_layers_that_are_initialized_anew():
    torch.manual_seed(0)
    bert = as_variant(BertModel(config_of(ALL, hidden_size=48, initializer_range=0.1)))
    for layer in bert.encoder.layers:
        weights = layer.feed_forward.intermediate.weight
        assert weights.abs().max() <= 0.2
        assert 0.08 < weights.std() < 0.1
        assert layer.feed_forward.intermediate.bias.abs().max() == 0
    top = bert.encoder.layers[2]
    torch.nn.init.normal_(top.attention_norm.weight)
    reinitialize_top_layers(bert, 1)
    assert top.attention_norm.weight.equal(torch.ones(48))


def test_names_stand_in_one_order_and_unknown_or_repeated_ones_are_refused():
    assert BertConfig(variant="rotary,pre-norm") == BertConfig(variant="pre-norm,rotary")
    assert checked_variant("") == ""
    for wrong in ("alibi", "rotary,rotary", "rotary,", "Rotary", "rotary, gated"):
        with pytest.raises(InputError, match="of pre-norm, rotary, gated, rms-norm, left-to-right some were expected"):
            BertConfig(variant=wrong)
    with pytest.raises(InputError, match="needs str here"):
        BertConfig(variant=["rotary"])


def test_a_variant_is_in_the_dictionary_only_if_there_is_one():
    assert "variant" not in BertConfig().to_dict()
    assert BertConfig(variant="gated").to_dict()["variant"] == "gated"


def test_compiling_a_layer_of_each_kind_shares_its_class():
    bert = model_of(ALL)
    assert len({type(layer) for layer in bert.encoder.layers}) == 1
    assert all(layer.is_causal for layer in bert.encoder.layers)
