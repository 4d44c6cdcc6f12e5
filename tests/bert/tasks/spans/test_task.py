"""Spans: the model runs once over a set, and its losses are those of the head."""

import numpy as np
import pytest
import torch

from bert.errors import InputError
from bert.heads.spans import BertForQuestionAnswering
from bert.tasks.spans.read import Question
from bert.tasks.spans.task import positions_in
from tests.bert.tasks.conftest import ALONE, CONFIG, FULL, TOKENIZER, losses_of_head, make_task
from tests.conftest import make_documents


def questions(seed) -> list[Question]:
    asked = []
    for number, document in enumerate(make_documents(30, seed)):
        context = " ".join(document[:2]).lower()
        answers = (("river", context.index("river")),) if "river" in context else ()
        asked.append(Question(number, str(number), "the small bird", context, answers))
    return asked


@pytest.fixture
def task():
    sets = {"train": ("a", questions(1)), "dev": ("b", questions(2)), "same": ("a", questions(1))}
    return make_task("spans", sets, max_length=16, null_threshold=0.0)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return BertForQuestionAnswering(CONFIG)


def test_the_losses_are_those_of_the_head_though_the_model_runs_once(task, model):
    runs = []
    model.register_forward_hook(
        lambda module, arguments, named, output: runs.append(len(named["sequences"].lengths)), with_kwargs=True
    )
    losses = task.evaluate(model, "same", FULL, ALONE).losses
    assert sum(runs) == sum(map(len, task.sets["same"].windows)) > len(task.sets["dev"].examples)
    assert losses == pytest.approx(losses_of_head(task, model), rel=1e-5)
    with torch.no_grad():
        model.qa_outputs.weight *= 1.1
    assert losses != pytest.approx(losses_of_head(task, model), rel=1e-5)


def test_an_answer_is_counted_as_right_only_if_both_its_ends_are(task, model):
    with torch.no_grad():
        model.eval().bert.embeddings.word_embeddings.weight[TOKENIZER.cls_token_id] *= 20
        at_cls = model(**task.make_batch(np.arange(9)).inputs).encoder.last_hidden_state[0]
        model.qa_outputs.weight[0] = 9 * at_cls  # each answer starts at [CLS], and ends anywhere or there
        model.qa_outputs.weight[1] += 0.25 * at_cls
    batch = task.make_batch(np.arange(len(task.rows)))
    output = model(**batch.inputs)
    right = []
    for first, end, *truth in zip(batch.sequences.first, batch.sequences.boundaries[1:], *batch.labels.values()):
        ends = [logits[first:end].argmax() for logits in (output.start_logits, output.end_logits)]
        right.append([int(found == true) for found, true in zip(ends, truth)])
    assert [1, 0] in right and [1, 1] in right
    accuracy = right.count([1, 1]) / len(right)
    assert task.evaluate(model, "same", FULL, ALONE).losses["span_accuracy"] == accuracy
    assert losses_of_head(task, model)["span_accuracy"] == accuracy


def test_an_answer_is_looked_for_in_each_window_and_is_at_cls_if_it_is_not_there(task):
    part = task.sets["dev"]
    windows, target = next(each for each in zip(part.windows, part.targets) if each[1] is not None)
    river = TOKENIZER.encode("river")[0]
    for window in windows:
        start, end = positions_in(window, target)
        assert (start, end) == (0, 0) or window.input_ids[start : end + 1].tolist() == [river]
        assert positions_in(window, None) == (0, 0)
    assert any(positions_in(window, target) != (0, 0) for window in windows)


def test_no_answer_is_possible_only_if_a_training_question_has_none(task):
    answered = [question for question in questions(1) if question.answers]
    assert task.options.null_threshold == 0
    assert (
        make_task("spans", {"train": ("a", answered)}, max_length=16, null_threshold=0.0).options.null_threshold is None
    )
    with pytest.raises(InputError, match="every training question has an answer"):
        make_task("spans", {"train": ("a", answered)}, max_length=16, null_threshold=1.0)
