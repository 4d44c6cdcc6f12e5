"""Multiple choice: evaluation has the head's losses, whatever the numbers of choices."""

import numpy as np
import pytest
import torch

from bert.heads.choices import BertForMultipleChoice
from bert.tasks.choices.read import Choices
from tests.bert.tasks.conftest import ALONE, CONFIG, FULL, TOKENIZER, losses_of_head, make_task
from tests.conftest import make_documents


def examples() -> list[Choices]:
    documents = [[text.lower() for text in document] for document in make_documents(23)]
    return [Choices(n, context, tuple(choices[: 2 + n % 3]), n % 2) for n, (context, *choices) in enumerate(documents)]


@pytest.fixture
def task():
    sets = {name: ("a", examples()) for name in ("train", "dev")}
    return make_task("choices", sets, max_length=32)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return BertForMultipleChoice(CONFIG)


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


def test_predictions_are_choices_that_there_are(task, model):
    evaluation = task.evaluate(model, "dev", FULL, ALONE, in_full=True)
    for row, example in zip(evaluation.rows, examples(), strict=True):
        line, label, guess, probability, choice, context = row
        assert (line, label, choice) == (example.line, example.label, example.choices[guess])
        assert context == example.context
        assert 1 / len(example.choices) <= probability <= 1
    assert {len(example.choices) for example in examples()} == {2, 3, 4}
    right = sum(row[1] == row[2] for row in evaluation.rows) / len(evaluation.rows)
    assert evaluation.metrics["accuracy"] == pytest.approx(right)


def test_the_choices_of_an_example_stay_together_in_a_batch(task):
    batch = task.make_batch(np.array([4, 0, 2]))
    numbers = [len(examples()[row].choices) for row in (4, 0, 2)]
    assert batch.choices.lengths.tolist() == numbers == [3, 2, 4]
    assert batch.labels["labels"].tolist() == [0, 0, 0]
    assert len(batch.sequences.lengths) == sum(numbers)
    first, second = TOKENIZER(examples()[4].context, examples()[4].choices[0]), batch.sequences.boundaries[1]
    assert batch.input_ids[:second].tolist() == first.input_ids
    assert task.row_lengths()[4] == batch.sequences.lengths[:3].max()
