"""The head for relations reads the two start markers, and nothing else."""

import pytest
import torch

from bert.checkpoints.directory import load_checkpoint, save_checkpoint
from bert.config import BertConfig
from bert.heads.loss import cross_entropy
from bert.heads.relations import BertForRelationExtraction
from tests.ragged import ragged

CONFIG = BertConfig(101, 15, 2, 5, 19, max_position_embeddings=29)
LABELS = ("Cause-Effect(e1,e2)", "Cause-Effect(e2,e1)", "Other")


def make_model():
    torch.manual_seed(3)
    return BertForRelationExtraction(CONFIG, labels=LABELS).eval()


def make_batch():
    return {
        "input_ids": torch.randint(1, 101, (4, 7), generator=torch.Generator().manual_seed(7)),
        "token_type_ids": torch.zeros(4, 7, dtype=torch.int64),
        "attention_mask": (torch.arange(7) < torch.tensor([[7], [6], [7], [5]])).long(),
        "entity_positions": torch.tensor([[1, 3], [4, 2], [1, 6], [1, 3]]),
        "labels": torch.tensor([0, 1, 2, 1]),
    }


def run(model, batch):
    return model(
        batch["input_ids"], batch["entity_positions"], batch["token_type_ids"], batch["attention_mask"]
    )  # fmt: skip


def test_the_score_is_of_the_two_markers_states_side_by_side():
    model, batch = make_model(), make_batch()
    output = run(model, batch)
    assert output.logits.shape == (4, 3)
    states = output.encoder.last_hidden_state
    both = torch.cat([states[1, 4], states[1, 2]])
    torch.testing.assert_close(output.logits[1], model.classifier.weight @ both + model.classifier.bias)


def test_without_positions_it_says_what_is_missing():
    with pytest.raises(ValueError, match="entity_positions is missing"):
        make_model()(make_batch()["input_ids"])


def test_which_entity_is_the_first_matters():
    model, batch = make_model(), make_batch()
    swapped = run(model, batch | {"entity_positions": batch["entity_positions"].flip(1)}).logits
    assert (swapped - run(model, batch).logits).abs().max() > 1e-3


def test_the_loss_counts_a_label_for_each_text():
    model, batch = make_model(), make_batch()
    loss = model.losses(ragged(batch))["relation"]
    torch.testing.assert_close(loss.sum, cross_entropy(run(model, batch).logits, batch["labels"]).sum)
    assert model.label_counts(ragged(batch)) == {"relation": 4} == {"relation": int(loss.count)}


def test_it_overfits_one_batch_and_every_parameter_learns():
    model, batch = make_model(), make_batch()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for step in range(100):
        model.losses(ragged(batch))["relation"].sum.backward()
        if step == 0:
            assert all(parameter.grad is not None for parameter in model.parameters())
        optimizer.step()
        optimizer.zero_grad()
    loss = model.losses(ragged(batch))["relation"]
    assert loss.correct == 4
    assert loss.sum / loss.count < 0.02


def test_a_checkpoint_brings_back_its_labels_and_scores(tmp_path):
    model, batch = make_model(), make_batch()
    save_checkpoint(tmp_path, model)
    again = load_checkpoint(tmp_path, BertForRelationExtraction)
    assert again.labels == LABELS
    assert run(again, batch).logits.equal(run(model, batch).logits)


def test_for_the_loss_no_more_than_the_markers_goes_through_the_last_feed_forward_network():
    model, batch = make_model(), make_batch()
    rows = []
    feed_forward = model.bert.encoder.layers[-1].feed_forward
    feed_forward.register_forward_hook(lambda module, inputs, output: rows.append(len(output)))
    model.losses(ragged(batch))
    assert rows == [2 * 4]
