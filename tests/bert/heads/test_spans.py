"""The head for spans: two scores per token, and the mean of two losses."""

import pytest
import torch
from torch.nn import functional as F

from bert.config import BertConfig
from bert.heads.spans import BertForQuestionAnswering
from tests.ragged import ragged

CONFIG = BertConfig(101, 15, 2, 5, 19, max_position_embeddings=29)


def make_model():
    torch.manual_seed(3)
    return BertForQuestionAnswering(CONFIG).eval()


def make_batch():
    return {
        "input_ids": torch.randint(1, 101, (3, 7), generator=torch.Generator().manual_seed(7)),
        "token_type_ids": torch.tensor([[0, 0, 0, 1, 1, 1, 1]] * 3),
        "attention_mask": torch.tensor([[1] * 7, [1] * 5 + [0] * 2, [1] * 6 + [0]]),
        "start_positions": torch.tensor([3, 0, 4]),
        "end_positions": torch.tensor([5, 0, 4]),
    }


def test_starts_and_ends_are_scored_by_a_vector_each():
    model, batch = make_model(), make_batch()
    output = model(batch["input_ids"], batch["token_type_ids"], batch["attention_mask"])
    scores = output.encoder.last_hidden_state @ model.qa_outputs.weight.T + model.qa_outputs.bias
    torch.testing.assert_close(output.start_logits, scores[:, :, 0])
    torch.testing.assert_close(output.end_logits, scores[:, :, 1])


def test_the_loss_is_the_mean_of_both_ends():
    model, batch = make_model(), make_batch()
    output = model(batch["input_ids"], batch["token_type_ids"], batch["attention_mask"])
    lengths = batch["attention_mask"].sum(1).tolist()
    by_hand = 0.0  # in the end's and the start's logits of each row's own tokens
    for name in ("start", "end"):
        for scores, label, length in zip(getattr(output, f"{name}_logits"), batch[f"{name}_positions"], lengths):
            by_hand += F.cross_entropy(scores[:length], label).item() / 2
    loss = model.losses(ragged(batch))["span"]
    assert loss.sum.item() == pytest.approx(by_hand, rel=1e-5)
    assert {"span": int(loss.count)} == model.label_counts(ragged(batch)) == {"span": 3}


def test_padding_has_no_part_in_the_choice():
    model, batch = make_model().eval(), make_batch()
    longer = batch | {name: F.pad(batch[name], (0, 4)) for name in ("input_ids", "token_type_ids", "attention_mask")}
    torch.testing.assert_close(model.losses(ragged(longer))["span"].sum, model.losses(ragged(batch))["span"].sum)
    as_tokens = longer | {"attention_mask": torch.ones_like(longer["attention_mask"])}
    assert not torch.isclose(model.losses(ragged(as_tokens))["span"].sum, model.losses(ragged(batch))["span"].sum)


def test_an_answer_is_right_where_both_its_ends_are():
    model, batch = make_model(), make_batch()
    output = model(batch["input_ids"], batch["token_type_ids"], batch["attention_mask"])
    batch["start_positions"] = output.start_logits.argmax(-1)
    batch["end_positions"] = output.end_logits.argmax(-1)
    assert model.losses(ragged(batch))["span"].correct == 3
    batch["end_positions"][1] = (batch["end_positions"][1] + 1) % 7
    assert model.losses(ragged(batch))["span"].correct == 2


def test_it_overfits_one_batch():
    model, batch = make_model(), make_batch()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(150):
        model.losses(ragged(batch))["span"].sum.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert model.losses(ragged(batch))["span"].correct == 3
