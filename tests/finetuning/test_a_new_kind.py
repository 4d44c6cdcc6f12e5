"""To add a kind of task is to add a folder, a head and a row: a small one is added, trained, used and removed again."""

import importlib
import json
import sys

import pytest
import torch

import train_finetune
from bert.__main__ import main as bert_command
from bert.checkpoints.directory import save_checkpoint
from bert.config import BertConfig
from bert.heads.pretraining import BertForPreTraining
from bert.tasks.classification.read import hold_out
from bert.tasks.kinds import KINDS
from bert.tasks.task import Kind
from bert.tokenization.wordpiece import WordPieceTokenizer
from tests.conftest import WORDS, make_documents

# The kind is called "rivers": does a text have a river in it? A file has a text in each line, after + or - to train on.
HEAD = """
from torch import nn
from bert.heads.loss import binary_cross_entropy
from bert.model.bert import BertModel


class BertForRivers(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config, self.bert = config, BertModel(config, with_pooler=False)
        self.classifier = nn.Linear(config.hidden_size, 1)

    def forward(self, input_ids, token_type_ids=None, sequences=None, selected=None):
        states = self.bert(input_ids, token_type_ids, sequences=sequences, selected=selected).last_hidden_state
        return self.classifier(states).squeeze(-1)  # (selected,)

    def losses(self, batch):
        return {"river": binary_cross_entropy(self(**batch.inputs), batch.labels["labels"])}

    def label_counts(self, batch):
        return {"river": len(batch.labels["labels"])}
"""
FOLDER = {
    "read": """
from typing import NamedTuple
from bert.files.tables import read_lines


class Text(NamedTuple):
    line: int
    text: str
    has_river: bool | None


def read(path, columns, labelled):
    for line, text in read_lines(path):
        yield Text(line, text[1:], text[0] == "+") if labelled else Text(line, text, None)
""",
    "inputs": """
from dataclasses import replace
from bert.tasks.windows import Inputs, text_window


def inputs(tokenizer, examples, options, source=""):
    ids = [tokenizer.encode(example.text)[: options.max_length - 2] for example in examples]
    return Inputs([[replace(text_window(tokenizer, each), selected=(0,))] for each in ids], 0)
""",
    "predict": """
from bert.tasks.prediction import window_scores


def predict(model, examples, options):
    return [float(part[0]) for (part,) in window_scores(model, examples, lambda batch: model(**batch.inputs))]


def rows(model, predictions, options):
    return ([example.text, "+" if logit > 0 else "-"] for example, logit in predictions)
""",
    "measure": """
from bert.tasks.baseline import Baseline
from bert.tasks.report import Evaluation


def baseline(examples, labels, options):
    most_have_one = 2 * sum(example.has_river for example in examples) > len(examples)
    return Baseline("always a river" if most_have_one else "never a river", lambda example: float(most_have_one))


def measure(examples, predictions, labels, options, in_full):
    right = [(logit > 0) == example.has_river for example, logit in zip(examples, predictions)]
    rows = [[example.line, is_right] for example, is_right in zip(examples, right)]
    return Evaluation({"accuracy": sum(right) / len(right)}, header=["line", "right"], rows=rows)
""",
    "task": """
import numpy as np
import torch
from bert.heads.loss import binary_cross_entropy
from bert.tasks.task import Task


class RiverTask(Task):
    def targets(self, examples, source):
        return np.array([example.has_river for example in examples], np.float32)

    def losses(self, model, targets, predictions):
        return {"river": binary_cross_entropy(torch.tensor(predictions), torch.from_numpy(targets))}
""",
}


@pytest.fixture
def rivers(tmp_path, monkeypatch):
    """The folder, the head and the row; after the test they are gone."""
    (tmp_path / "rivers").mkdir()
    for name, text in {"__init__": "", "head": HEAD, **FOLDER}.items():
        (tmp_path / "rivers" / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    head, read, inputs, predict, measure, task = (
        importlib.import_module(f"rivers.{name}") for name in ("head", *FOLDER)
    )
    row = Kind(
        read=read.read, inputs=inputs.inputs, head=head.BertForRivers, predict=predict.predict, rows=predict.rows,
        measure=measure.measure, baseline=measure.baseline, task=task.RiverTask, hold_out=hold_out,
        metrics=("accuracy",),
    )  # fmt: skip
    monkeypatch.setitem(KINDS, "rivers", row)
    yield monkeypatch
    for name in [name for name in sys.modules if name.split(".")[0] == "rivers"]:
        del sys.modules[name]


def test_a_folder_a_head_and_a_row_are_a_kind_and_without_them_it_is_gone(rivers, tmp_path, capsys):
    torch.manual_seed(5)
    tokenizer = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", *WORDS])
    config = BertConfig(tokenizer.vocab_size, 24, 2, 2, 32, max_position_embeddings=40, initializer_range=0.2)
    save_checkpoint(tmp_path / "checkpoint", BertForPreTraining(config), tokenizer)
    texts = [text for document in make_documents(60) for text in document]
    (tmp_path / "train.txt").write_text("".join(f"{'+' if 'river' in text.lower() else '-'}{text}\n" for text in texts))
    train = ["--problem", "rivers", "--train", tmp_path / "train.txt", "--checkpoint", tmp_path / "checkpoint"]
    train += ["--epochs", 6, "--batch-size", 16, "--max-length", 16, "--learning-rate", 3e-3, "--device", "cpu"]
    train, run = [*map(str, train), "--precision", "fp32"], tmp_path / "run"
    assert train_finetune.main([*train, "--output", str(run)]) == 0
    report = json.loads((run / "report.json").read_text())
    assert report["dev"]["accuracy"] > 0.9 > report["baseline"]["dev"]["accuracy"] >= 0.5
    assert report["baseline"]["name"] == "never a river"
    assert len((run / "predictions.tsv").read_text().splitlines()) == 1 + len(texts) // 10

    (tmp_path / "new.txt").write_text("The river moves.\nA king waits.\n")
    predict = ["predict", str(run), str(tmp_path / "new.txt"), "--device", "cpu"]
    capsys.readouterr()
    assert bert_command(predict) == 0
    assert capsys.readouterr().out == "The river moves.\t+\nA king waits.\t-\n"
    assert bert_command([*predict, "--text-column", "text"]) == 2  # a flag that the row does not name
    assert "--text-column: it would change nothing" in capsys.readouterr().err

    rivers.undo()
    assert train_finetune.main([*train, "--output", str(tmp_path / "other")]) == 2
    assert "invalid choice: 'rivers'" in capsys.readouterr().err
    assert bert_command(predict) == 2
    assert "classifier" in capsys.readouterr().err
