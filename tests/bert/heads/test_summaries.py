"""The head for summaries scores the [CLS] of each sentence, and nothing else."""

import pytest
import torch

from bert.checkpoints.directory import load_checkpoint, save_checkpoint
from bert.config import BertConfig
from bert.heads.loss import binary_cross_entropy
from bert.heads.summaries import BertForExtractiveSummarization
from tests.ragged import ragged

CONFIG = BertConfig(101, 15, 2, 5, 19, max_position_embeddings=29)


def make_model():
    torch.manual_seed(3)
    return BertForExtractiveSummarization(CONFIG).eval()


def make_batch():
    return {
        "input_ids": torch.randint(1, 101, (2, 11), generator=torch.Generator().manual_seed(7)),
        "token_type_ids": torch.tensor([[0] * 3 + [1] * 4 + [0] * 4, [0] * 5 + [1] * 2 + [0] * 4]),
        "attention_mask": (torch.arange(11) < torch.tensor([[11], [7]])).long(),
        "sentence_positions": torch.tensor([0, 3, 7, 11, 11 + 5]),
        "labels": torch.tensor([1.0, 0.0, 1.0, 0.0, 1.0]),
    }


def run(model, batch):
    return model(
        batch["input_ids"], batch["sentence_positions"], batch["token_type_ids"], batch["attention_mask"]
    )  # fmt: skip


def test_a_sentences_score_is_of_the_state_at_its_position():
    model, batch = make_model(), make_batch()
    output = run(model, batch)
    assert output.logits.shape == (5,)
    states = output.encoder.last_hidden_state
    for logit, state in zip(output.logits, (states[0, 0], states[0, 3], states[0, 7], states[1, 0], states[1, 5])):
        torch.testing.assert_close(logit, model.classifier.weight[0] @ state + model.classifier.bias[0])


def test_without_positions_it_says_what_is_missing():
    with pytest.raises(ValueError, match="sentence_positions is missing"):
        make_model()(make_batch()["input_ids"])


def test_the_loss_is_a_yes_or_no_for_each_sentence():
    model, batch = make_model(), make_batch()
    loss = model.losses(ragged(batch))["sentence"]
    torch.testing.assert_close(loss.sum, binary_cross_entropy(run(model, batch).logits, batch["labels"]).sum)
    assert model.label_counts(ragged(batch)) == {"sentence": 5} == {"sentence": int(loss.count)}


def test_it_overfits_one_batch_and_every_parameter_learns():
    model, batch = make_model(), make_batch()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for step in range(100):
        model.losses(ragged(batch))["sentence"].sum.backward()
        if step == 0:
            assert all(parameter.grad is not None for parameter in model.parameters())
        optimizer.step()
        optimizer.zero_grad()
    loss = model.losses(ragged(batch))["sentence"]
    assert loss.correct == 5
    assert loss.sum / loss.count < 0.02


def test_a_checkpoint_brings_back_its_scores(tmp_path):
    model, batch = make_model(), make_batch()
    save_checkpoint(tmp_path, model)
    again = load_checkpoint(tmp_path, BertForExtractiveSummarization)
    assert run(again, batch).logits.equal(run(model, batch).logits)


def test_for_the_loss_no_more_than_the_sentences_cls_goes_through_the_last_feed_forward_network():
    model, batch = make_model(), make_batch()
    rows = []
    feed_forward = model.bert.encoder.layers[-1].feed_forward
    feed_forward.register_forward_hook(lambda module, inputs, output: rows.append(len(output)))
    model.losses(ragged(batch))
    assert rows == [5]
