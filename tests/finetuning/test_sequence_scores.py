"""Scores with the task unknown and known, beside each text on its own."""

import json
import math

import pytest
import torch

from bert import fast
from bert.checkpoints.directory import save_checkpoint
from bert.config import BertConfig
from bert.heads.classification import BertForSequenceClassification
from bert.tasks.classification.read import Example
from bert.tasks.options import Options
from bert.tokenization.wordpiece import WordPieceTokenizer
from bert.training.precision import Precision
from finetuning.sequence_scores import scores_of, scores_of_run, untrained_scores
from finetuning.sequence_tasks import SequenceTask
from tests.conftest import WORDS
from tests.test_train_finetune import make_rows

LABELS = ("a: 0", "a: 1", "b: 0", "b: 1", "b: 2")
TOKENIZER = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS])
CONFIG = BertConfig(TOKENIZER.vocab_size, 24, 1, 2, 32, max_position_embeddings=40, initializer_range=0.4)
FP32 = Precision("fp32", "cpu", "")


@pytest.fixture
def model():
    torch.manual_seed(3)
    return BertForSequenceClassification(CONFIG, labels=LABELS).eval()


def task_of(name, labels, texts=80):
    rows = enumerate(make_rows(texts, 1))
    return SequenceTask(name, labels, [], [Example(n, text, None, labels[n % len(labels)]) for n, (text, _) in rows])


def test_unknown_is_the_best_of_all_labels_and_known_the_best_of_the_tasks_own(model):
    task = task_of("b", ("b: 2", "b: 0"))  # in another order than the model's
    unknown, known = 0, 0
    for example in task.dev:
        encoding = TOKENIZER(example.first)
        with torch.no_grad():
            output = model(torch.tensor([encoding.input_ids]), torch.tensor([encoding.token_type_ids]))
        logits = dict(zip(LABELS, output.logits[0].tolist()))
        unknown += max(logits, key=logits.get) == example.label
        known += max(task.labels, key=logits.get) == example.label
    found = scores_of(model, TOKENIZER, task, Options(32), FP32)
    assert found == {"unknown": unknown / 80, "known": known / 80}
    assert found["unknown"] < found["known"]


def test_a_task_with_a_label_that_the_model_lacks_is_not_measured(model):
    found = scores_of(model, TOKENIZER, task_of("c", ("a: 0", "c: 1")), Options(32), FP32)
    assert all(map(math.isnan, found.values()))


def test_a_run_is_measured_with_its_own_lengths_and_the_start_with_the_same(model, tmp_path):
    save_checkpoint(tmp_path, model, TOKENIZER)
    (tmp_path / "report.json").write_text(json.dumps({"max_length": 6, "precision": "fp32", "device": "cpu"}))
    (tmp_path / "task.json").write_text(json.dumps({"long_texts": "tail"}))
    task = task_of("b", LABELS[2:])
    (found,) = scores_of_run(tmp_path, "nowhere", [task])
    assert found == scores_of(model, TOKENIZER, task, Options(6, long_texts="tail"), FP32)
    assert found != scores_of(model, TOKENIZER, task, Options(32), FP32)

    first, second = (untrained_scores(tmp_path, str(tmp_path), [task], seed) for seed in (1, 2))
    assert first == untrained_scores(tmp_path, str(tmp_path), [task], 1)
    assert first != second  # the head is untrained, though the checkpoint has one of its own
    assert first["unknown"] == first["known"]  # there are no other tasks' labels


def test_a_plain_run_is_measured_without_kernels(model, tmp_path, monkeypatch):
    save_checkpoint(tmp_path, model, TOKENIZER)
    (tmp_path / "task.json").write_text(json.dumps({"long_texts": "tail"}))
    monkeypatch.setattr("finetuning.sequence_scores.scores_of", lambda *given: fast.is_on())
    for forms, kernels in (({"forms": "plain"}, False), ({}, True)):
        report = {"max_length": 6, "precision": "fp32", "device": "cpu"} | forms
        (tmp_path / "report.json").write_text(json.dumps(report))
        assert scores_of_run(tmp_path, "nowhere", [task_of("b", LABELS[2:])]) == [kernels]
