"""A small model with each head, and batches for it."""

from pathlib import Path

import torch
from torch import Tensor, nn

from bert.checkpoints.sentence_transformers import Normalize, SentenceModules
from bert.config import BertConfig
from bert.export.forms import SentenceVectors, form_of
from bert.heads.choices import BertForMultipleChoice
from bert.heads.classification import BertForSequenceClassification
from bert.heads.cloze import BertForCloze
from bert.heads.pretraining import BertForPreTraining
from bert.heads.relations import BertForRelationExtraction
from bert.heads.spans import BertForQuestionAnswering
from bert.heads.summaries import BertForExtractiveSummarization
from bert.heads.tagging import BertForTokenClassification
from bert.model.bert import BertModel

CONFIG = BertConfig(101, 22, 1, 2, 34, max_position_embeddings=23, initializer_range=0.3)
SHAPES = ((1, 23), (2, 1), (5, 9))  # (batch, seq): the longest, the shortest, and one between
HEADS = {
    "classes": lambda config: BertForSequenceClassification(config, 3),
    "mean": lambda config: BertForSequenceClassification(config, 3, "multi_label_classification", pool="mean"),
    "tags": lambda config: BertForTokenClassification(config, 5),
    "spans": BertForQuestionAnswering,
    "choices": BertForMultipleChoice,
    "relations": lambda config: BertForRelationExtraction(config, 3),
    "summaries": BertForExtractiveSummarization,
    "cloze": BertForCloze,
    "pretraining": BertForPreTraining,
    "encoder": BertModel,
    "vectors": lambda config: sentence_vectors(BertModel(config, with_pooler=False), "mean", "max"),
}


def sentence_vectors(bert: BertModel, *poolings: str) -> SentenceVectors:
    """An encoder with poolings side by side, and vectors of length 1."""
    modules = SentenceModules(Path(), None, False, poolings, nn.Sequential(Normalize()))
    return SentenceVectors(bert, modules)


def small_model(name: str, layers: int = 1) -> nn.Module:
    torch.manual_seed(7)
    return HEADS[name](CONFIG.replace(num_hidden_layers=layers)).eval()


def batch_for(head: nn.Module, batch: int, seq: int) -> dict[str, Tensor]:
    """Rows of unequal lengths, of which the last has no token at all if there are several."""
    form, random = form_of(head), torch.Generator().manual_seed(100 * batch + seq)
    sizes = {"batch": batch, "seq": seq, "choices": 3}
    shape = [sizes[axis] for axis in form.inputs["input_ids"]]
    lengths = torch.randint(1, seq + 1, shape[:-1], generator=random)
    lengths.flatten()[0] = seq
    if batch > 1:
        lengths[-1] = 0
    inputs = {
        "input_ids": torch.randint(0, 101, shape, generator=random),
        "token_type_ids": torch.randint(0, 2, shape, generator=random),
        "attention_mask": (torch.arange(seq) < lengths[..., None]).long(),
    }
    if "entity_positions" in form.inputs:
        inputs["entity_positions"] = torch.randint(0, seq, (batch, 2), generator=random)
    return inputs


def largest_difference(expected: dict[str, Tensor], found: dict[str, Tensor]) -> float:
    """Of outputs by name. Minus infinity must be at the same places."""
    assert expected.keys() == found.keys()
    apart = []
    for name, ours in expected.items():
        assert ours.shape == found[name].shape, name
        assert torch.equal(ours.isinf(), found[name].isinf()), name
        apart.append((ours - found[name])[~ours.isinf()].abs().max())
    return float(max(apart))
