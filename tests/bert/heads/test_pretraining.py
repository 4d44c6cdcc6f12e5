"""The pretraining heads: what ties them to the encoder, and what their losses count."""

import math

import pytest
import torch
from torch.nn import functional as F

from bert.config import BertConfig
from bert.heads.loss import IGNORE_INDEX
from bert.heads.pretraining import BertForPreTraining
from tests.ragged import ragged

CONFIG = BertConfig(
    vocab_size=101, hidden_size=15, num_attention_heads=5, intermediate_size=19, num_hidden_layers=2,
    max_position_embeddings=29,
)  # fmt: skip
BATCH, LENGTH = 3, 7


@pytest.fixture
def model():
    torch.manual_seed(3)
    return BertForPreTraining(CONFIG).eval()


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(7)
    return {
        "input_ids": torch.randint(1, 101, (BATCH, LENGTH), generator=generator),
        "token_type_ids": torch.tensor([[0, 0, 0, 1, 1, 1, 1]] * BATCH),
        "attention_mask": torch.tensor([[1] * 7, [1] * 5 + [0] * 2, [1] * 6 + [0]]),
        "masked_positions": torch.tensor([1, 3, 8, 19]),
        "masked_labels": torch.tensor([4, 100, 0, 50]),
        "next_sentence_labels": torch.tensor([0, 1, 1]),
    }


def test_chosen_positions_get_the_scores_that_all_positions_get(model, batch):
    inputs = (batch["input_ids"], batch["token_type_ids"], batch["attention_mask"])
    everywhere = model(*inputs).prediction_logits
    chosen = model(*inputs, masked_positions=batch["masked_positions"]).prediction_logits
    assert everywhere.shape == (BATCH, LENGTH, 101)
    for place, position in enumerate(batch["masked_positions"].tolist()):
        torch.testing.assert_close(chosen[place], everywhere[position // LENGTH, position % LENGTH])


def test_the_decoder_is_the_word_embeddings(model, batch):
    table = model.bert.embeddings.word_embeddings.weight
    head = model.masked_language_model
    states = model.bert(batch["input_ids"]).last_hidden_state
    transformed = F.layer_norm(F.gelu(states @ head.dense.weight.T + head.dense.bias), (15,), eps=1e-12)
    torch.testing.assert_close(model(batch["input_ids"]).prediction_logits, transformed @ table.T + head.bias)
    assert sum(p.shape == (101, 15) for p in model.parameters()) == 1


def test_the_initial_loss_is_that_of_a_uniform_guess(model, batch):
    losses = model.losses(ragged(batch))
    assert abs(losses["masked_lm"].sum.item() / 4 - math.log(101)) < 0.2
    assert abs(losses["next_sentence"].sum.item() / 3 - math.log(2)) < 0.1


def test_losses_are_cross_entropies_of_the_labels(model, batch):
    output = model(batch["input_ids"], batch["token_type_ids"], batch["attention_mask"])
    losses = model.losses(ragged(batch))
    flat = output.prediction_logits.flatten(0, 1)[batch["masked_positions"]]
    expected = F.cross_entropy(flat, batch["masked_labels"], reduction="sum")
    torch.testing.assert_close(losses["masked_lm"].sum, expected)
    expected = F.cross_entropy(output.next_sentence_logits, batch["next_sentence_labels"], reduction="sum")
    torch.testing.assert_close(losses["next_sentence"].sum, expected)


def test_the_counts_said_beforehand_are_those_of_the_losses(model, batch):
    for names in (list(batch), [name for name in batch if name != "next_sentence_labels"]):
        part = {name: batch[name] for name in names}
        losses = model.losses(ragged(part))
        assert {name: int(loss.count) for name, loss in losses.items()} == model.label_counts(ragged(part))


def filled_up(batch, most):
    """The batch with as many masked tokens as told, of which those that are added have no label."""
    missing = most - len(batch["masked_labels"])
    return batch | {
        "masked_positions": F.pad(batch["masked_positions"], (0, missing)),
        "masked_labels": F.pad(batch["masked_labels"], (0, missing), value=IGNORE_INDEX),
    }


def test_positions_without_a_label_change_no_loss_and_no_count(model, batch):
    filled = filled_up(batch, 9)
    assert model.label_counts(ragged(filled)) == model.label_counts(ragged(batch))
    for name, loss in model.losses(ragged(filled)).items():
        torch.testing.assert_close(list(loss), list(model.losses(ragged(batch))[name]))


def test_both_classes_of_next_sentence_get_gradients(model, batch):
    model.losses(ragged(batch))["next_sentence"].sum.backward()
    assert (model.next_sentence.classifier.weight.grad.abs().sum(dim=1) > 0).all()


def test_the_word_embeddings_learn_from_both_ends(model, batch):
    model.losses(ragged(batch))["masked_lm"].sum.backward()
    gradient = model.bert.embeddings.word_embeddings.weight.grad
    assert (gradient.abs().sum(dim=1) > 0).all()  # as a decoder every piece gets some, as an input only those read


def test_it_overfits_one_batch(model, batch):
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(150):
        losses = model.losses(ragged(batch))
        sum(loss.sum / loss.count for loss in losses.values()).backward()
        optimizer.step()
        optimizer.zero_grad()
    losses = model.losses(ragged(batch))
    assert losses["masked_lm"].sum / 4 < 0.1
    assert losses["next_sentence"].sum / 3 < 0.1
    assert losses["masked_lm"].correct == 4
