"""A small run that writes, which tests share. Its source and its target have different vocabularies."""

import json
from dataclasses import asdict
from pathlib import Path

import torch

from bert.checkpoints.directory import save_checkpoint
from bert.generation.decoding import Decoding
from bert.generation.directory import save_target_tokenizer
from bert.generation.model import BertForConditionalGeneration
from bert.tasks.options import Columns
from bert.tokenization.wordpiece import WordPieceTokenizer
from tests.bert.generation.models import CONFIG, random_model

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
LETTERS = [chr(ord("a") + number) for number in range(26)]
SOURCE = WordPieceTokenizer([*SPECIAL, *LETTERS, "##a"])
TARGET = WordPieceTokenizer([*SPECIAL, *map(str.upper, LETTERS)], lowercase=False)
DECODING = Decoding(max_length=12, beams=3, no_repeat_ngram=2)  # else it repeats one piece


def small_model() -> BertForConditionalGeneration:
    """Its outputs end in time, at different lengths."""
    model = random_model()
    with torch.no_grad():
        model.decoder.head.bias[CONFIG.end_id] += 2.0
    return model


def save_run(directory: Path, target: WordPieceTokenizer = TARGET, **task) -> str:
    """A run as fine-tuning leaves it. Returns its name."""
    save_checkpoint(directory, small_model(), SOURCE)
    save_target_tokenizer(directory, SOURCE, target)
    task = {
        "columns": Columns()._asdict(), "max_length": 20, "long_texts": "head", "max_target_length": 13,
        "decoding": asdict(DECODING),
    } | task  # fmt: skip
    (directory / "task.json").write_text(json.dumps(task))
    return str(directory)
