"""In place of ``train_finetune.py``: the directory that it would write, with an untrained model, and at once."""

import json
import zlib
from itertools import pairwise
from pathlib import Path

import torch

from bert.checkpoints.directory import load_checkpoint, load_config, save_checkpoint
from bert.checkpoints.vocabulary import load_tokenizer
from bert.heads.classification import BertForSequenceClassification
from bert.tasks.classification.read import find_labels, read_examples
from bert.tasks.options import Columns


def write_run(line: list[str]) -> int:
    """Takes the command line of a run. The weights follow from its directory's name."""
    value = dict(pairwise(line))
    output = Path(value["--output"])
    if "--resume" in line:
        line = json.loads((output / "arguments.json").read_text())["line"]
        value = dict(pairwise(line)) | value
    start = value.get("--continue-from") or value["--checkpoint"]
    before = load_checkpoint(start, BertForSequenceClassification).labels if "--continue-from" in line else ()
    found = find_labels(list(read_examples(value["--train"], Columns())), value["--train"])
    labels = [*before, *(label for label in found if label not in before)]
    torch.manual_seed(zlib.crc32("/".join(output.parts[-2:]).encode()))
    model = BertForSequenceClassification(load_config(start), labels=labels)
    save_checkpoint(output, model, load_tokenizer(start))
    report = {"training_seconds": 2.0, "max_length": 16, "precision": "fp32", "device": "cpu"}
    files = {"report": report, "task": {"long_texts": "head"}, "arguments": {"line": line}}
    for name, content in files.items():
        (output / f"{name}.json").write_text(json.dumps(content))
    return 0
