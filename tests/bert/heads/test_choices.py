"""The head for choices: one score per choice, whatever stands beside it."""

import torch

from bert.config import BertConfig
from bert.heads.choices import BertForMultipleChoice
from tests.ragged import ragged

CONFIG = BertConfig(101, 15, 2, 5, 19, max_position_embeddings=29)


def make_model():
    torch.manual_seed(3)
    return BertForMultipleChoice(CONFIG).eval()


def make_batch():
    return {
        "input_ids": torch.randint(1, 101, (2, 3, 7), generator=torch.Generator().manual_seed(7)),
        "token_type_ids": torch.tensor([0, 0, 0, 1, 1, 1, 1]).expand(2, 3, 7),
        "attention_mask": (torch.arange(7) < torch.tensor([[[7], [5], [6]], [[4], [7], [7]]])).long(),
        "labels": torch.tensor([2, 0]),
    }


def test_a_choice_is_scored_without_the_others():
    model, batch = make_model(), make_batch()
    inputs = [batch[name] for name in ("input_ids", "token_type_ids", "attention_mask")]
    logits = model(*inputs).logits
    assert logits.shape == (2, 3)
    for row in range(2):
        for choice in range(3):
            alone = model(*(values[row : row + 1, choice : choice + 1] for values in inputs)).logits
            torch.testing.assert_close(logits[row, choice], alone[0, 0])
    assert logits.std() > 0  # the control: they differ


def test_a_choice_without_a_token_is_none():
    model, batch = make_model(), make_batch()
    names = ("input_ids", "token_type_ids", "attention_mask")
    whole = model(*(batch[name] for name in names)).logits
    batch["attention_mask"][1, 2] = 0
    logits = model(*(batch[name] for name in names)).logits
    assert logits[1, 2] == -torch.inf
    kept = torch.tensor([[True] * 3, [True, True, False]])
    torch.testing.assert_close(logits[kept], whole[kept])
    loss = model.losses(ragged(batch))["choice"]
    expected = -whole[0].log_softmax(0)[2] - whole[1, :2].log_softmax(0)[0]
    torch.testing.assert_close(loss.sum, expected)
    loss.sum.backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters() if parameter.grad is not None)


def test_it_overfits_one_batch_and_counts_its_labels():
    model, batch = make_model(), make_batch()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(200):
        model.losses(ragged(batch))["choice"].sum.backward()
        optimizer.step()
        optimizer.zero_grad()
    loss = model.losses(ragged(batch))["choice"]
    assert {"choice": int(loss.count)} == model.label_counts(ragged(batch)) == {"choice": 2}
    assert loss.correct == 2
    assert loss.sum / loss.count < 0.02


def test_for_the_loss_no_more_than_the_choices_cls_goes_through_the_last_feed_forward_network():
    model, batch = make_model(), make_batch()
    rows = []
    feed_forward = model.bert.encoder.layers[-1].feed_forward
    feed_forward.register_forward_hook(lambda module, inputs, output: rows.append(len(output)))
    model.losses(ragged(batch))
    assert rows == [2 * 3]
