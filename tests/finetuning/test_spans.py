"""Spans: the model runs once over a set, and its losses are those of the head."""

import pytest
import torch

from bert.heads.span import BertForQuestionAnswering
from bert.task_inputs.questions import Question
from finetuning.spans import SpanTask, answer_positions
from tests.conftest import make_documents
from tests.finetuning.conftest import ALONE, CONFIG, FULL, TOKENIZER, losses_of_head


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
    return SpanTask(sets, TOKENIZER, 16, 0.0)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return BertForQuestionAnswering(CONFIG)


def test_the_losses_are_those_of_the_head_though_the_model_runs_once(task, model):
    runs = []
    model.bert.register_forward_hook(lambda module, arguments, output: runs.append(len(arguments[0])))
    losses = task.evaluate(model, "same", FULL, ALONE).losses
    assert sum(runs) == len(task.sets["same"].windows()) > len(task.sets["dev"].examples)
    assert losses == pytest.approx(losses_of_head(task, model), rel=1e-5)
    with torch.no_grad():
        model.qa_outputs.weight *= 1.1
    assert losses != pytest.approx(losses_of_head(task, model), rel=1e-5)


def test_an_answer_is_looked_for_in_each_window_and_is_at_cls_where_it_is_not(task):
    question = next(each for each in task.sets["dev"].examples if each.answers)
    windows = task.sets["dev"].inputs[question.article]
    river = TOKENIZER.encode("river")[0]
    for window in windows:
        start, end = answer_positions(question, window)
        assert (start, end) == (0, 0) or window.input.input_ids[start : end + 1].tolist() == [river]
        assert answer_positions(question._replace(answers=()), window) == (0, 0)
    assert any(answer_positions(question, window) != (0, 0) for window in windows)
