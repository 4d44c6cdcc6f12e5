"""The head for tokens: a score per token and label, and a loss where there is a label alone."""

import torch

from bert.config import BertConfig
from bert.heads.loss import NO_LABEL, cross_entropy
from bert.heads.token import BertForTokenClassification

CONFIG = BertConfig(101, 15, 2, 5, 19, max_position_embeddings=29)
LABELS = torch.tensor([[NO_LABEL, 2, NO_LABEL, 1, 0, NO_LABEL], [NO_LABEL, 1, 1, NO_LABEL, NO_LABEL, NO_LABEL]])


def make_model():
    torch.manual_seed(3)
    return BertForTokenClassification(CONFIG, labels=("O", "B-PER", "I-PER")).eval()


def make_batch():
    return {
        "input_ids": torch.randint(1, 101, (2, 6), generator=torch.Generator().manual_seed(7)),
        "token_type_ids": torch.zeros(2, 6, dtype=torch.int64),
        "attention_mask": torch.tensor([[1] * 6, [1] * 4 + [0] * 2]),
        "labels": LABELS,
    }


def test_each_token_is_scored_from_its_own_state():
    model, batch = make_model(), make_batch()
    output = model(batch["input_ids"], batch["token_type_ids"], batch["attention_mask"])
    assert output.logits.shape == (2, 6, 3)
    states = output.encoder.last_hidden_state
    torch.testing.assert_close(output.logits[1, 2], model.classifier.weight @ states[1, 2] + model.classifier.bias)


def test_the_loss_is_that_of_the_labelled_tokens_alone():
    model, batch = make_model(), make_batch()
    logits = model(batch["input_ids"], batch["token_type_ids"], batch["attention_mask"]).logits
    labelled = LABELS != NO_LABEL
    expected = cross_entropy(logits[labelled], LABELS[labelled])
    loss = model.losses(batch)["tagging"]
    torch.testing.assert_close(loss.sum, expected.sum)
    assert model.label_counts(batch) == {"tagging": 5} == {"tagging": int(loss.count)}


def test_it_overfits_one_batch_and_every_parameter_learns():
    model, batch = make_model(), make_batch()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for step in range(100):
        model.losses(batch)["tagging"].sum.backward()
        if step == 0:  # but a key's bias, which moves all the scores of a softmax alike, and unread embeddings
            assert all(parameter.grad is not None for parameter in model.parameters())
        optimizer.step()
        optimizer.zero_grad()
    assert model.losses(batch)["tagging"].correct == 5
