"""Tagging: the model runs once over a set, and its losses are those of the head."""

import numpy as np
import pytest
import torch

from bert.errors import InputError
from bert.heads.tagging import BertForTokenClassification
from bert.tasks.tagging.read import TaggedSentence
from tests.bert.tasks.conftest import ALONE, CONFIG, FULL, losses_of_head, make_task
from tests.conftest import make_documents

LABELS = ["O", "B-WATER", "B-BIRD"]


def sentences(seed) -> list[TaggedSentence]:
    tags = {"river": "B-WATER", "bird": "B-BIRD", "birds": "B-BIRD"}
    texts = [text.lower().rstrip(".").split() for document in make_documents(8, seed) for text in document]
    words = [tuple(f"{word}s" if word == "bird" else word for word in text) for text in texts]
    return [TaggedSentence(n, each, tuple(tags.get(word, "O") for word in each)) for n, each in enumerate(words)]


@pytest.fixture
def task():
    sets = {"train": ("a", sentences(1)), "dev": ("b", sentences(2)), "same": ("a", sentences(1))}
    return make_task("tagging", sets, LABELS, max_length=8)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return BertForTokenClassification(CONFIG, labels=LABELS)


def test_the_losses_are_those_of_the_head_though_the_model_runs_once(task, model):
    assert any(len(windows) > 1 for windows in task.sets["dev"].windows)
    runs = []
    model.bert.embeddings.register_forward_hook(lambda module, arguments, output: runs.append(len(arguments[0])))
    losses = task.evaluate(model, "same", FULL, ALONE).losses
    assert sum(runs) == sum(len(window) for windows in task.sets["same"].windows for window in windows)
    assert losses == pytest.approx(losses_of_head(task, model), rel=1e-5)
    with torch.no_grad():
        model.classifier.bias[1] += 1
    assert losses != pytest.approx(losses_of_head(task, model), rel=1e-5)


def test_evaluation_leaves_the_model_in_the_mode_it_was_in(task, model):
    for training in (True, False):
        model.train(training)
        task.evaluate(model, "dev", FULL, ALONE)
        assert model.training == training


def test_a_batch_without_a_word_trains_nothing_and_fails_nowhere():
    words = TaggedSentence(1, ("\u200b", "\u200b"), ("O", "B-BIRD"))
    task = make_task("tagging", {"train": ("a", [words, words])}, LABELS, max_length=8)
    model = BertForTokenClassification(CONFIG, labels=LABELS).train()
    batch = task.make_batch(np.arange(2))
    assert model.label_counts(batch) == {"tagging": 0}
    loss = model.losses(batch)["tagging"]
    loss.sum.backward()
    assert loss.sum == 0 and not model.classifier.weight.grad.any()


def test_words_of_short_and_long_sentences_are_in_a_batch(task):
    assert task.labels_per_item


def test_a_tag_that_was_not_trained_on_is_named_with_its_line():
    sets = {"train": ("a", [TaggedSentence(5, ("a", "b"), ("O", "B-Z"))])}
    with pytest.raises(InputError, match=r"a: line 6: the tag 'B-Z' is not one of those trained on: O, B-WATER"):
        make_task("tagging", sets, LABELS, max_length=8)
