"""Small fine-tuned runs, which the tests of this room share."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bert.checkpoints.directory import save_checkpoint
from bert.explore.quantize import rounded
from bert.heads.classification import BertForSequenceClassification
from bert.heads.spans import BertForQuestionAnswering
from bert.heads.tagging import BertForTokenClassification
from bert.tokenization.wordpiece import WordPieceTokenizer
from tests.bert.explore.runs import CONFIG, VOCABULARY

TAGS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
TASK = {"columns": None, "max_length": 37}


def random_classifier(seed: int = 0, **arguments) -> BertForSequenceClassification:
    return enlarged(BertForSequenceClassification, seed, **({"labels": ("bad", "good", "neither")} | arguments))


def random_tagger(seed: int = 0, labels=TAGS, **changes) -> BertForTokenClassification:
    return enlarged(BertForTokenClassification, seed, changes, labels=labels)


def random_reader(seed: int = 0, **changes) -> BertForQuestionAnswering:
    return enlarged(BertForQuestionAnswering, seed, changes)


def enlarged(
    model_class: type[nn.Module], seed: int, changes: dict | None = None, scale: float = 6.0, **arguments
) -> Any:
    """A model with weights so large that its answers are far from uniform, and biases that are not 0."""
    torch.manual_seed(seed)
    model = model_class(CONFIG.replace(**(changes or {})), **arguments).eval()
    for name, parameter in model.named_parameters():
        if parameter.dim() == 2:
            parameter.data.mul_(scale)
        else:
            parameter.data.add_(0.1 * torch.randn(parameter.shape) * ("norm" not in name))
    return model


def in_eight_bits(model: Any) -> Any:
    """The same model with the weights of its page."""
    model.load_state_dict(rounded(model.state_dict()))
    return model


def write_fine_tuned(directory: Path, model: nn.Module, vocabulary=VOCABULARY, **task) -> Path:
    """A run's directory, with what fine-tuning notes of its task."""
    save_checkpoint(directory, model, WordPieceTokenizer(list(vocabulary)))
    (directory / "task.json").write_text(json.dumps(TASK | task))
    return directory
