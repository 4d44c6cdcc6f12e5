"""The mean of a text's states: over its own tokens alone, packed or padded."""

import pytest
import torch

from bert.config import BertConfig
from bert.errors import InputError
from bert.heads.batch import sequences_of
from bert.heads.classification import BertForSequenceClassification
from bert.heads.pooling import mean_states
from tests.ragged import ragged

CONFIG = BertConfig(
    vocab_size=61, hidden_size=22, num_hidden_layers=2, num_attention_heads=2, intermediate_size=34,
    max_position_embeddings=17, initializer_range=0.3,
)  # fmt: skip
LENGTHS = torch.tensor([[13], [1], [7]])
INPUTS = {
    "input_ids": torch.randint(1, 61, (3, 13), generator=torch.Generator().manual_seed(7)),
    "token_type_ids": (torch.arange(13) > 4).long().expand(3, 13).contiguous(),
    "attention_mask": (torch.arange(13) < LENGTHS).long(),
}


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(3)
    return BertForSequenceClassification(CONFIG, num_labels=5, pool="mean").eval()


def test_the_head_reads_the_mean_of_the_tokens_and_nothing_of_the_padding(model):
    with torch.no_grad():
        output = model(**INPUTS)
        states = output.encoder.last_hidden_state
        rows = [row[:length].mean(dim=0) for row, length in zip(states, LENGTHS.flatten())]
        torch.testing.assert_close(output.logits, model.classifier(torch.stack(rows)))
        padded = model(**INPUTS | {"attention_mask": torch.ones(3, 13)}).logits
    assert not torch.allclose(padded[1], output.logits[1], atol=1e-3)


def test_a_packed_batch_gives_the_same_whatever_it_selects(model):
    batch = ragged(INPUTS | {"labels": torch.zeros(3, dtype=torch.int64)})
    with torch.no_grad():
        for selected in (None, torch.empty(0, dtype=torch.int64)):
            logits = model(**batch.inputs | {"selected": selected}).logits
            torch.testing.assert_close(logits, model(**INPUTS).logits)


def test_there_is_no_pooler_and_the_gradient_reaches_every_token(model):
    assert model.bert.pooler is None
    states = torch.randn(5, 22, requires_grad=True)
    mean_states(states, torch.zeros(5), None, sequences_of([2, 3])).sum().backward()
    assert states.grad is not None
    torch.testing.assert_close(states.grad[:, 0], torch.tensor([1 / 2, 1 / 2, 1 / 3, 1 / 3, 1 / 3]))


def test_another_pooling_is_refused():
    with pytest.raises(InputError, match="pool is 'max'; one of cls, mean was expected"):
        BertForSequenceClassification(CONFIG, pool="max")
