"""What is written for a source, and how a target is foretold, hang on the source and on nothing beside it."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from bert.generation.batch import generation_batch
from bert.tasks.generation.predict import cross_attention, foretell, write_outputs, writing_of, writing_rows
from bert.tasks.options import Options
from tests.bert.tasks.conftest import TOKENIZER
from tests.bert.tasks.generation.pairs import generation_task, random_model


def windows_and_targets(task):
    part = task.sets["dev"]
    return [only for (only,) in part.windows], list(part.targets)


def test_outputs_are_those_of_each_source_alone():
    task, model = generation_task(), random_model()
    windows = task.sets["dev"].windows
    together = [each.text for each in write_outputs(model, windows, task.options)]
    alone = [write_outputs(model, [each], task.options)[0].text for each in windows]
    assert together == alone
    assert len(set(together)) > 1


def test_a_target_is_foretold_as_cross_entropy_has_it():
    task, model = generation_task(), random_model()
    windows, targets = windows_and_targets(task)
    found = foretell(model, windows, targets)
    for window, target, foretold in zip(windows, targets, found, strict=True):
        batch = generation_batch([window.input_ids], [window.token_type_ids], [target])
        with torch.no_grad():
            logits = model(**batch.inputs).logits
        labels = torch.from_numpy(target[1:]).long()
        assert foretold.loss == pytest.approx(F.cross_entropy(logits, labels, reduction="sum").item(), rel=1e-4)
        assert foretold.right == int((logits.argmax(dim=-1) == labels).sum())
        assert foretold.count == len(target) - 1
    others = foretell(model, [*windows[1:], windows[0]], targets)
    assert sum(each.loss for each in others) != pytest.approx(sum(each.loss for each in found), rel=1e-4)


def test_cross_attention_is_shared_out_over_the_source_for_each_piece():
    task, model = generation_task(), random_model()
    window = windows_and_targets(task)[0][0]
    attention = cross_attention(model, window, TOKENIZER, writing_of(task.options), "the river")
    assert attention.source[0] == "[CLS]"
    assert len(attention.source) == len(window)
    assert attention.written == ["the", "river", "[SEP]"]
    assert attention.weights.shape == (3, len(window))
    np.testing.assert_allclose(attention.weights.sum(axis=1), 1, rtol=1e-5)


def test_rows_have_the_output_its_log_probability_and_the_source_if_asked_for():
    task, model = generation_task(), random_model()
    part = task.sets["dev"]
    written = write_outputs(model, part.windows, task.options)
    assert all(-math.inf < each.log_probability < 0 for each in written)
    for text, header in (
        (True, ["prediction", "log_probability", "source"]),
        (False, ["prediction", "log_probability"]),
    ):
        options = Options(max_length=32, writing=task.options.writing, text=text)
        rows = list(writing_rows(model, zip(part.examples, written), options))
        assert rows[0] == header
        assert [row[0] for row in rows[1:]] == [each.text for each in written]


def test_options_of_another_kind_say_nothing_of_writing():
    with pytest.raises(ValueError, match="generation needs options"):
        writing_of(Options(max_length=3))
