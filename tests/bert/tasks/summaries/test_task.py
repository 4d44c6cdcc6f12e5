"""Summaries: evaluation has the head's losses, and ROUGE of what is selected."""

import numpy as np
import pytest
import torch

from bert.heads.summaries import BertForExtractiveSummarization
from bert.tasks.rouge import rouge_l, rouge_l_sum, rouge_n
from bert.tasks.summaries.read import Document
from tests.bert.tasks.conftest import ALONE, CONFIG, FULL, losses_of_head, make_task
from tests.conftest import make_documents


def documents() -> list[Document]:
    texts = [tuple(text.lower() for text in document) for document in make_documents(23)]
    return [Document(n, text, (n % 3, 3), (text[n % 3], text[3])) for n, text in enumerate(texts)]


@pytest.fixture
def task():
    sets = {name: ("a", documents()) for name in ("train", "dev")}
    return make_task("summary", sets, max_length=40, summary_sentences=2)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return BertForExtractiveSummarization(CONFIG)


def test_the_losses_are_those_of_the_head_in_batches(task, model):
    losses = task.evaluate(model, "dev", FULL, ALONE).losses
    assert losses == pytest.approx(losses_of_head(task, model), rel=1e-5)
    with torch.no_grad():
        model.classifier.weight.mul_(2)
    assert losses != pytest.approx(losses_of_head(task, model), rel=1e-5)


def test_evaluation_leaves_the_model_in_the_mode_it_was_in(task, model):
    for training in (True, False):
        model.train(training)
        task.evaluate(model, "dev", FULL, ALONE)
        assert model.training == training


def test_rouge_is_that_of_the_sentences_predicted(task, model):
    assert any(len(windows) > 1 for windows in task.sets["dev"].windows)
    evaluation = task.evaluate(model, "dev", FULL, ALONE, in_full=True)
    sums = {"rouge1": 0.0, "rouge2": 0.0, "rougeL": 0.0, "rougeLsum": 0.0}
    for row, document in zip(evaluation.rows, documents(), strict=True):
        numbers = list(map(int, row[2].split(",")))
        assert len(numbers) <= 2
        summary = [document.sentences[number] for number in numbers]
        scores = [rouge_n(summary, document.reference, 1), rouge_n(summary, document.reference, 2)]
        scores += [rouge_l(summary, document.reference), rouge_l_sum(summary, document.reference)]
        assert row[3:] == [*scores, " ".join(summary), " ".join(document.sentences)]
        sums = {name: total + score for (name, total), score in zip(sums.items(), scores)}
    assert evaluation.metrics == pytest.approx({name: total / len(evaluation.rows) for name, total in sums.items()})
    assert 0 < evaluation.metrics["rouge1"] < 1


def test_sentences_of_short_and_long_documents_are_in_a_batch(task):
    assert task.labels_per_item


def test_each_sentence_of_a_window_has_its_label(task):
    rows = [row for row, each in enumerate(task.rows) if len(each.windows[0].items) > 1][:3]
    batch = task.make_batch(np.array(rows))
    expected = [task.rows[row].target[item] for row in rows for item in task.rows[row].windows[0].items]
    assert batch.labels["labels"].tolist() == expected
    assert set(expected) == {0.0, 1.0}
