"""Directories as ``train_finetune.py --adapt`` leaves them, with small models."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bert.adaptation.adapt import Method, adapt
from bert.adaptation.files import save_adapter
from bert.checkpoints.directory import load_checkpoint, save_checkpoint
from bert.checkpoints.vocabulary import save_tokenizer
from bert.config import BertConfig
from bert.heads.classification import BertForSequenceClassification
from bert.heads.pretraining import BertForPreTraining
from bert.tokenization.wordpiece import WordPieceTokenizer
from tests.bert.adaptation.models import scaled_up, shaken
from tests.conftest import WORDS

TOKENIZER = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS])
TEXTS = ["the old river", "a bird sings near the stone", "the king waits"]


def write_body(directory: Path, seed: int = 11, config: BertConfig | None = None) -> Path:
    """A pretrained checkpoint."""
    torch.manual_seed(seed)
    config = config or BertConfig(TOKENIZER.vocab_size, 22, 2, 2, 34, max_position_embeddings=29)
    save_checkpoint(directory, scaled_up(BertForPreTraining(config)), TOKENIZER)
    return directory


def write_run(
    directory: Path, body: Path, method: Method, head: type[nn.Module] = BertForSequenceClassification,
    pool: str = "cls", **more,
) -> Path:  # fmt: skip
    """An adapted run on a body, as if it had been trained.

    Args:
        more: entries of ``task.json``.
    """
    names: Any = {"labels": ["bad", "fair", "good"], "pool": pool} if head is BertForSequenceClassification else {}
    model = load_checkpoint(body, head, ["classifier"], **names)
    adapt(model, method)
    save_adapter(directory, shaken(model), str(body))
    save_tokenizer(directory, TOKENIZER)
    columns = {"text": "text", "text_pair": None, "header": True}
    (directory / "task.json").write_text(json.dumps({"columns": columns, "max_length": 20} | more))
    return directory


def write_texts(path: Path) -> Path:
    path.write_text("\n".join(TEXTS) + "\n")
    return path
