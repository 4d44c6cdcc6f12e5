"""The head for tokens: a score per token and label, and a loss where there is a label alone."""

import torch

from bert.config import BertConfig
from bert.heads.loss import IGNORE_INDEX, cross_entropy
from bert.heads.tagging import BertForTokenClassification
from tests.ragged import ragged

CONFIG = BertConfig(101, 15, 2, 5, 19, max_position_embeddings=29)
ROWS, POSITIONS, LABELS = [0, 0, 0, 1, 1], [1, 3, 4, 1, 2], torch.tensor([2, 1, 0, 1, 1])


def make_model():
    torch.manual_seed(3)
    return BertForTokenClassification(CONFIG, labels=("O", "B-PER", "I-PER")).eval()


def make_batch():
    return {
        "input_ids": torch.randint(1, 101, (2, 6), generator=torch.Generator().manual_seed(7)),
        "token_type_ids": torch.zeros(2, 6, dtype=torch.int64),
        "attention_mask": torch.tensor([[1] * 6, [1] * 4 + [0] * 2]),
        "word_positions": torch.tensor(ROWS) * 6 + torch.tensor(POSITIONS),
        "labels": LABELS,
    }


def test_each_token_is_scored_from_its_own_state():
    model, batch = make_model(), make_batch()
    output = model(batch["input_ids"], batch["token_type_ids"], batch["attention_mask"])
    assert output.logits.shape == (2, 6, 3)
    states = output.encoder.last_hidden_state
    torch.testing.assert_close(output.logits[1, 2], model.classifier.weight @ states[1, 2] + model.classifier.bias)


def test_the_loss_is_that_of_the_words_first_pieces_alone():
    model, batch = make_model(), make_batch()
    logits = model(batch["input_ids"], batch["token_type_ids"], batch["attention_mask"]).logits
    expected = cross_entropy(logits[ROWS, POSITIONS], LABELS)
    loss = model.losses(ragged(batch))["tagging"]
    torch.testing.assert_close(loss.sum, expected.sum)
    assert model.label_counts(ragged(batch)) == {"tagging": 5} == {"tagging": int(loss.count)}


def test_a_word_without_a_label_does_not_count():
    model, batch = make_model(), make_batch()
    filled = batch | {
        "word_positions": torch.cat([batch["word_positions"], torch.zeros(3, dtype=torch.int64)]),
        "labels": torch.cat([LABELS, torch.full((3,), IGNORE_INDEX)]),
    }
    torch.testing.assert_close(model.losses(ragged(filled))["tagging"].sum, model.losses(ragged(batch))["tagging"].sum)
    assert model.label_counts(ragged(filled)) == {"tagging": 5}


def test_for_the_loss_no_more_than_the_words_goes_through_the_last_feed_forward_network():
    model, batch = make_model(), make_batch()
    rows = []
    model.bert.encoder.layers[-1].feed_forward.register_forward_hook(lambda module, inputs, out: rows.append(len(out)))
    model.losses(ragged(batch))
    assert rows == [5]


def test_dropout_stands_before_the_classifier():
    model, batch = make_model(), make_batch()
    model.dropout.train().p = 1.0  # nothing is left but the bias
    only_bias = model.classifier.bias
    logits = model(batch["input_ids"]).logits
    torch.testing.assert_close(logits, only_bias.expand_as(logits))
    scores = model(**ragged(batch).inputs).logits
    assert scores.shape == (5, 3)
    torch.testing.assert_close(scores, only_bias.expand_as(scores))


def test_it_overfits_one_batch_and_every_parameter_learns():
    model, batch = make_model(), make_batch()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for step in range(100):
        model.losses(ragged(batch))["tagging"].sum.backward()
        if step == 0:  # but a key's bias, which moves all the scores of a softmax alike, and unread embeddings
            assert all(parameter.grad is not None for parameter in model.parameters())
        optimizer.step()
        optimizer.zero_grad()
    assert model.losses(ragged(batch))["tagging"].correct == 5
