"""Relations: evaluation has the head's losses and the official measure, and says what is wrong."""

import pytest
import torch

from bert.errors import InputError
from bert.heads.relations import BertForRelationExtraction
from bert.tasks.relations.measure import with_tags
from bert.tasks.relations.read import MarkedText
from tests.bert.tasks.conftest import ALONE, CONFIG, FULL, losses_of_head, make_task
from tests.conftest import make_documents

LABELS = ["A-B(e1,e2)", "A-B(e2,e1)", "Other"]


def marked_texts() -> list[MarkedText]:
    texts = [text.lower() for document in make_documents(4) for text in document]
    spans = [(0, text.index(" ")) for text in texts]
    return [
        MarkedText(n, text, *((span, (span[1] + 1, len(text)))[:: 1 if n % 2 else -1]), LABELS[n % 3])
        for n, (text, span) in enumerate(zip(texts, spans))
    ]


@pytest.fixture
def task():
    sets = {name: ("a", marked_texts()) for name in ("train", "dev")}
    return make_task("relations", sets, LABELS, max_length=32)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return BertForRelationExtraction(CONFIG, labels=LABELS)


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


def test_the_page_has_relations_and_mistakes_with_their_tags(task, model):
    evaluation = task.evaluate(model, "dev", FULL, ALONE, in_full=True)
    assert [section.heading for section in evaluation.sections] == [
        "Confusion matrix", "Most confidently wrong", "Relations in both directions",
    ]  # fmt: skip
    assert '</mark><small class="">e1</small>' in evaluation.sections[1].content
    assert [row[:2] for row in evaluation.rows] == [[text.line, text.label] for text in marked_texts()]
    right = sum(row[1] == row[2] for row in evaluation.rows) / len(evaluation.rows)
    assert evaluation.metrics["accuracy"] == pytest.approx(right)


def test_tags_stand_where_they_stood():
    assert with_tags(MarkedText(1, "a bc d", (2, 4), (5, 6), None)) == "a <e1>bc</e1> <e2>d</e2>"
    assert with_tags(MarkedText(1, "a bc d", (5, 6), (0, 1), None)) == "<e2>a</e2> bc <e1>d</e1>"
    assert with_tags(MarkedText(1, "abc", (0, 1), (1, 3), None)) == "<e1>a</e1><e2>bc</e2>"
    assert with_tags(MarkedText(1, "abc", (1, 3), (0, 3), None)) == "<e2>a<e1>bc</e1></e2>"


def test_a_relation_that_was_not_trained_on_is_named_with_its_line():
    with pytest.raises(InputError, match=r"dev: line 0: the relation 'A-B.e1,e2.' is not .* trained on: C, D"):
        make_task("relations", {"train": ("dev", marked_texts())}, ["C", "D"], max_length=32)
