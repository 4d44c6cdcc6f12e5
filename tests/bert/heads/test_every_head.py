"""Every head: sequences end to end have the losses and gradients of the plain forms, and on a GPU those of the CPU."""

import contextlib
import functools

import pytest
import torch

from bert import fast
from bert.config import BertConfig
from bert.heads.batch import Batch
from bert.heads.choices import BertForMultipleChoice
from bert.heads.classification import BertForSequenceClassification
from bert.heads.cloze import BertForCloze
from bert.heads.embedding import BertForRetrieval, BertForSimilarity
from bert.heads.pretraining import BertForPreTraining
from bert.heads.relations import BertForRelationExtraction
from bert.heads.spans import BertForQuestionAnswering
from bert.heads.summaries import BertForExtractiveSummarization
from bert.heads.tagging import BertForTokenClassification
from bert.training.compilation import compiled_parts
from tests.ragged import ragged

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
FLAT = (STARTS[:, None] + POSITIONS).flatten()
LABELS = torch.tensor([0, 1, 1, 0, 1])
CHOICES = {name: values[:4].unflatten(0, (2, 2)) for name, values in INPUTS.items()}
HEADS = {
    "pretraining": (
        BertForPreTraining,
        INPUTS | {"masked_positions": FLAT, "masked_labels": torch.arange(10), "next_sentence_labels": LABELS},
    ),
    "sequence": (BertForSequenceClassification, INPUTS | {"labels": LABELS}),
    "token": (BertForTokenClassification, INPUTS | {"word_positions": FLAT, "labels": torch.arange(10) % 2}),
    "span": (BertForQuestionAnswering, INPUTS | {"start_positions": POSITIONS[:, 1], "end_positions": POSITIONS[:, 0]}),
    "relation": (BertForRelationExtraction, INPUTS | {"entity_positions": POSITIONS, "labels": LABELS}),
    "summary": (
        BertForExtractiveSummarization,
        INPUTS | {"sentence_positions": FLAT, "labels": torch.arange(10) % 2.0},
    ),
    "cloze": (
        functools.partial(BertForCloze, masked_lm_weight=0.3),
        INPUTS
        | {
            "masked_positions": FLAT,
            "labels": LABELS,
            "blanks": 2 * torch.arange(5)[:, None],
            "words": torch.tensor([[17], [3], [29]]),
            "label_of_word": torch.tensor([1, 0, 1]),
            "masked_labels": torch.tensor([-100, 8] * 4 + [-100, -100]),
        },
    ),
    "cloze of long words": (  # wrong labels, even with noise: beyond its margin a right one has no loss
        BertForCloze,
        INPUTS
        | {
            "masked_positions": FLAT,
            "labels": torch.tensor([1, 0, 0, 0, 0]),
            "blanks": torch.arange(10).view(5, 2),
            "words": torch.tensor([[17, 4], [3, 9], [29, 3]]),
            "label_of_word": torch.tensor([1, 0, 1]),
        },
    ),
    "similarity": (
        functools.partial(BertForSimilarity, pool="max"),
        {name: values[:4] for name, values in INPUTS.items()} | {"labels": torch.tensor([0.2, 0.9])},
    ),
    "retrieval": (
        BertForRetrieval,
        INPUTS
        | {"queries": torch.tensor([0, 2]), "texts": torch.tensor([1, 3]), "negatives": torch.tensor([4])}
        | {"query_ids": torch.arange(2), "text_ids": torch.arange(2, 4), "negative_ids": torch.tensor([4])},
    ),
    "choices": (BertForMultipleChoice, CHOICES | {"labels": torch.tensor([1, 0])}),
}


def make_model(head: str) -> torch.nn.Module:
    torch.manual_seed(3)
    model = HEADS[head][0](CONFIG)
    for layer in model.bert.encoder.layers:  # where attention looks matters
        torch.nn.init.normal_(layer.attention.query.weight, std=0.2)
        torch.nn.init.normal_(layer.attention.key.weight, std=0.2)
    return model


def loss_and_gradients(
    model: torch.nn.Module, batch: Batch, device: str = "cpu", dtype: torch.dtype | None = None
) -> list[torch.Tensor]:
    model = model.to(device)
    model.zero_grad()
    with torch.autocast(device, dtype, enabled=dtype is not None):
        losses = model.losses(batch.to(torch.device(device)))
    total = sum(loss.sum / loss.count for loss in losses.values())
    total.backward()
    gradients = [parameter.grad.cpu() for parameter in model.parameters() if parameter.grad is not None]
    return [total.detach().cpu(), *gradients]


def assert_near(found: list[torch.Tensor], expected: list[torch.Tensor], tolerance: float) -> None:
    assert found[0].item() == pytest.approx(expected[0].item(), rel=tolerance)
    for one, other in zip(found[1:], expected[1:], strict=True):
        # The gradient of a key's bias is none at all, but for rounding.
        assert (one - other).norm() < 10 * tolerance * other.norm() or other.norm() < 1e-4


@pytest.mark.parametrize("head", HEADS)
def test_kernels_give_what_the_plain_forms_give(head):
    model, batch = make_model(head), ragged(HEADS[head][1])
    with fast.off():
        expected = loss_and_gradients(model, batch)
    assert_near(loss_and_gradients(model, batch), expected, 1e-5)


@pytest.mark.parametrize("head", HEADS)
def test_in_which_order_sequences_stand_does_not_matter(head):
    if head in ("choices", "similarity", "retrieval"):
        pytest.skip("its sequences belong together")
    model, padded = make_model(head), HEADS[head][1]
    expected = loss_and_gradients(model, ragged(padded))
    rows = len(padded["input_ids"])
    turned = {
        name: values.unflatten(0, (rows, -1)).flip(0).flatten(0, 1) if len(values) == 2 * rows else values.flip(0)
        for name, values in padded.items()
    }
    if "blanks" in turned:  # which of the selected tokens, and these are turned
        turned["blanks"] = padded["blanks"]
    for name in ("masked_positions", "word_positions", "sentence_positions"):
        if name in turned:
            turned[name] = turned[name] % 23 + STARTS.repeat_interleave(2)
    assert_near(loss_and_gradients(model, ragged(turned)), expected, 1e-5)


@pytest.mark.parametrize("head", HEADS)
def test_its_own_parts_start_as_the_model_does(head):
    """Weights are cut at two deviations, biases 0, and a LayerNorm is the identity with the configuration's epsilon."""
    torch.manual_seed(3)
    model = HEADS[head][0](CONFIG.replace(initializer_range=0.01, layer_norm_eps=1e-7))
    own = [module for name, module in model.named_modules() if not name.startswith("bert.")]
    for module in own:
        if isinstance(module, torch.nn.Linear):
            assert module.weight.abs().max() <= 0.02
            assert module.weight.std() > 0.007
            assert not module.bias.any()
        if isinstance(module, torch.nn.LayerNorm):
            assert (module.weight == 1).all()
            assert not module.bias.any()
            assert module.eps == 1e-7
    assert any(isinstance(module, torch.nn.Linear) for module in own) or head in ("similarity", "retrieval")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@pytest.mark.parametrize(("dtype", "tolerance"), [(None, 1e-4), (torch.bfloat16, 2e-2), (torch.float16, 2e-2)])
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("head", HEADS)
def test_on_a_gpu_it_is_the_cpus(head, dtype, tolerance, compiled):
    model, batch = make_model(head), ragged(HEADS[head][1])
    expected = loss_and_gradients(model, batch)
    model = model.to("cuda").train()
    with compiled_parts(model) if compiled else contextlib.nullcontext():
        assert_near(loss_and_gradients(model, batch, "cuda", dtype), expected, tolerance)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_on_a_gpu_compiled_with_dropout_of_attention_weights_it_trains():
    torch.manual_seed(0)
    model = BertForPreTraining(CONFIG.replace(attention_probs_dropout_prob=0.1)).to("cuda").train()
    with compiled_parts(model):
        found = loss_and_gradients(model, ragged(HEADS["pretraining"][1]), "cuda", torch.bfloat16)
    assert all(each.isfinite().all() for each in found)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_on_a_gpu_heads_of_sizes_that_flash_attention_does_not_take_are_computed_too():
    torch.manual_seed(0)
    model = BertForPreTraining(CONFIG.replace(hidden_size=78))  # heads of 26, as in some small published models
    batch = ragged(HEADS["pretraining"][1])
    expected = loss_and_gradients(model, batch)
    assert_near(loss_and_gradients(model, batch, "cuda", torch.bfloat16), expected, 2e-2)
