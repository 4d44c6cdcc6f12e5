"""Left to right: nothing after a token changes its state, and the pooler reads the last one."""

import pytest
import torch

from bert.heads.batch import sequences_of
from bert.heads.classification import BertForSequenceClassification
from tests.bert.variants.models import ALL, model_of, padded_batch


@pytest.mark.parametrize("variant", ["left-to-right", ALL])
def test_a_token_sees_none_after_it_and_all_before_it(variant):
    bert, (ids, _) = model_of(variant), padded_batch()
    changed = ids.clone()
    changed[:, 6] = ids[:, 6] % 30 + 1
    before, after = bert(ids).last_hidden_state, bert(changed).last_hidden_state
    torch.testing.assert_close(before[:, :6], after[:, :6])
    for token in range(6, 11):
        assert not before[:, token].allclose(after[:, token], atol=1e-3)
    plain = model_of("")
    assert not plain(ids).last_hidden_state[:, :6].allclose(plain(changed).last_hidden_state[:, :6], atol=1e-3)


def test_the_weights_that_are_returned_are_0_after_the_token():
    bert, (ids, mask) = model_of("left-to-right"), padded_batch()
    output = bert(ids, attention_mask=mask, return_attention=True)
    for weights in output.attentions:
        assert weights.triu(1).abs().max() == 0
        assert weights[2].tril().sum(dim=-1).allclose(torch.ones(3, 11))
    torch.testing.assert_close(output.last_hidden_state, bert(ids, attention_mask=mask).last_hidden_state)


def test_the_pooler_reads_the_last_token_with_padding_and_without_and_beside_selected_tokens():
    bert, (ids, mask) = model_of("left-to-right"), padded_batch()
    padded = bert(ids, attention_mask=mask)
    last = padded.last_hidden_state[torch.arange(3), torch.tensor([6, 3, 10])]
    torch.testing.assert_close(padded.pooler_output, bert.pooler(last))
    tokens, sequences = ids[mask > 0], sequences_of((7, 4, 11))
    selected = torch.tensor([9, 0, 20, 21])
    output = bert(tokens, sequences=sequences, selected=selected, return_hidden_states=True)
    torch.testing.assert_close(output.pooler_output, padded.pooler_output)
    torch.testing.assert_close(output.last_hidden_state, padded.last_hidden_state[mask > 0][selected])
    first = bert.pooler(padded.last_hidden_state[:, 0])
    assert not first.allclose(padded.pooler_output, atol=0.1)  # the control


def test_a_classifier_learns_from_the_whole_text():
    model = model_of("left-to-right", lambda config: BertForSequenceClassification(config, labels=("no", "yes")))
    ids = torch.randint(1, 31, (4, 9))
    changed = ids.clone()
    changed[:, 8] = ids[:, 8] % 30 + 1
    assert not model(ids).logits.allclose(model(changed).logits, atol=1e-3)
    plain = model.bert(ids).last_hidden_state[:, 0]
    torch.testing.assert_close(plain, model.bert(changed).last_hidden_state[:, 0])  # [CLS] has seen nothing
