"""Greedy decoding against a loop over one source."""

import math

import pytest
import torch

from bert.errors import InputError
from bert.generation.decoding import Decoding
from bert.generation.generate import generate
from tests.bert.generation.table_model import CLS, PAD, SEP, TableModel, sources_of


def written(model, sources, **settings):
    return generate(model, **sources_of(*sources), pieces=model.special, decoding=Decoding(**settings))


def one_by_one(model, source, longest):
    ids = []
    while len(ids) < longest:
        logs = model.log_probabilities(source, ids)
        piece = max((piece for piece in range(len(logs)) if piece not in (PAD, CLS)), key=logs.__getitem__)
        if piece == SEP:
            break
        ids.append(piece)
    return ids


def test_each_piece_is_the_most_probable_one_after_those_before():
    model, sources = TableModel(7), list(range(30))
    outputs = written(model, sources, max_length=15)
    assert [output.ids for output in outputs] == [one_by_one(model, source, 15) for source in sources]
    for source, output in zip(sources, outputs):
        assert output.log_probability == pytest.approx(model.log_probability(source, tuple(output.ids)), abs=1e-5)
    assert any(len(output.ids) == 15 for output in outputs) and any(len(output.ids) < 5 for output in outputs)


def test_rows_whose_outputs_have_ended_leave_the_work():
    model = TableModel(7)
    outputs = written(model, range(30), max_length=15)
    steps = [sum(len(output.ids) >= length for output in outputs) for length in range(16)]
    assert model.rows_of_steps == [count for count in steps if count]


def test_constraints_hold():
    model = TableModel(3, end=2.0)
    for output in written(model, range(30), max_length=6, min_length=3, no_repeat_ngram=2):
        assert 3 <= len(output.ids) <= 6 and not {PAD, CLS, SEP} & set(output.ids)
        pairs = list(zip(output.ids, output.ids[1:]))
        assert len(pairs) == len(set(pairs))
    assert any(len(output.ids) < 3 for output in written(model, range(30), max_length=6))  # the control


@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_scores_that_are_not_numbers_are_refused(bad, beams):
    class Broken(TableModel):
        def logits(self, sources, history):
            logits = super().logits(sources, history)
            if history.shape[1] == 2:
                logits[-1, 4] = bad
            return logits

    with pytest.raises(InputError, match="the model's scores are not numbers"):
        written(Broken(7, end=-9.0), [1, 2], beams=beams)


def test_the_sources_are_given_to_the_model_with_their_mask():
    model = TableModel(7)
    padded = generate(
        model, torch.tensor([[3, 99], [4, 5]]), torch.tensor([[1, 0], [1, 1]]), model.special, Decoding(max_length=9)
    )
    assert padded == written(model, [3, 9], max_length=9)
