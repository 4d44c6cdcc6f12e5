"""A batch that the loader has laid end to end has the losses and gradients of the same batch with its padding."""

import pytest
import torch
from data.tasks.batches import packed

from bert.config import BertConfig
from bert.heads.relation import BertForRelationExtraction
from bert.heads.sequence import BertForSequenceClassification
from bert.heads.summary import BertForExtractiveSummarization
from bert.heads.token import BertForTokenClassification
from bert.model import bert as bert_module

CONFIG = BertConfig(
    vocab_size=101, hidden_size=48, num_hidden_layers=3, num_attention_heads=3, intermediate_size=56,
    max_position_embeddings=29, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
)  # fmt: skip
LENGTHS = torch.tensor([[23], [5], [11], [2], [17]])
INPUTS = {
    "input_ids": torch.randint(1, 101, (5, 23), generator=torch.Generator().manual_seed(7)),
    "token_type_ids": (torch.arange(23) > 4).long().expand(5, 23).contiguous(),
    "attention_mask": (torch.arange(23) < LENGTHS).long(),
}
STARTS = 23 * torch.arange(5)
POSITIONS = torch.tensor([[22, 1], [4, 0], [3, 9], [0, 1], [16, 8]])
HEADS = {
    "sequence": (BertForSequenceClassification, {"labels": torch.tensor([1, 0, 1, 1, 0])}),
    "token": (
        BertForTokenClassification,
        {"word_positions": (STARTS[:, None] + POSITIONS).flatten(), "labels": torch.arange(10) % 2},
    ),
    "relation": (BertForRelationExtraction, {"entity_positions": POSITIONS, "labels": torch.tensor([0, 1, 1, 0, 1])}),
    "summary": (
        BertForExtractiveSummarization,
        {"sentence_positions": (STARTS[:, None] + POSITIONS).flatten(), "labels": torch.arange(10) % 2.0},
    ),
}


def make_model(head: str) -> torch.nn.Module:
    torch.manual_seed(3)
    model = HEADS[head][0](CONFIG)
    for layer in model.bert.encoder.layers:  # where attention looks matters
        torch.nn.init.normal_(layer.attention.query.weight, std=0.2)
        torch.nn.init.normal_(layer.attention.key.weight, std=0.2)
    return model


def loss_and_gradients(model, batch: dict, device: str = "cpu", dtype: torch.dtype | None = None) -> list[torch.Tensor]:
    model = model.to(device)
    model.zero_grad()
    with torch.autocast(device, dtype, enabled=dtype is not None):
        (loss,) = model.losses({name: values.to(device) for name, values in batch.items()}).values()
    loss.sum.backward()
    return [loss.sum.detach().cpu(), *(parameter.grad.cpu() for parameter in model.parameters())]


@pytest.mark.parametrize("head", HEADS)
def test_it_is_the_same_and_nobody_looks_for_the_padding(head, monkeypatch):
    model, batch = make_model(head), INPUTS | HEADS[head][1]
    expected = loss_and_gradients(model, batch)

    def unwanted(attention_mask):
        raise AssertionError("looked for padding that the loader has found already")

    monkeypatch.setattr(bert_module, "find_packing", unwanted)
    torch.testing.assert_close(loss_and_gradients(model, packed(batch)), expected, atol=1e-5, rtol=1e-5)
    with pytest.raises(AssertionError):
        loss_and_gradients(model, batch)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@pytest.mark.parametrize(("dtype", "tolerance"), [(None, 1e-4), (torch.bfloat16, 2e-2), (torch.float16, 2e-2)])
@pytest.mark.parametrize("lay_out", [dict, packed])
@pytest.mark.parametrize("head", HEADS)
def test_on_a_gpu_it_is_the_cpus(head, lay_out, dtype, tolerance):
    model, batch = make_model(head), INPUTS | HEADS[head][1]
    expected = loss_and_gradients(model, batch)
    found = loss_and_gradients(model, lay_out(batch), "cuda", dtype)
    assert found[0].item() == pytest.approx(expected[0].item(), rel=tolerance)
    for one, other in zip(found[1:], expected[1:]):
        # That of a key's bias is none at all, but for rounding.
        assert (one - other).norm() < 10 * tolerance * other.norm() or other.norm() < 1e-4
