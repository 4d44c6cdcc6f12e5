"""Sampling: how often each piece is drawn, the top-p set by hand, and outputs that depend on no batch."""

import math

import pytest
import torch

from bert.generation.decoding import Decoding
from bert.generation.generate import generate
from bert.generation.sampling import Sampler, nucleus
from tests.bert.generation.table_model import CLS, PAD, SEP, TableModel, sources_of

DRAWS = 20_000


def drawn(model, sources, names=None, **settings):
    decoding = Decoding(sample=True, **settings)
    return generate(model, **sources_of(*sources), pieces=model.special, decoding=decoding, names=names)


def shares(logs, **settings):
    """How often each piece is drawn in many sources."""
    pieces = Sampler(**settings)(torch.tensor([logs]).expand(DRAWS, -1), torch.arange(DRAWS), 1)
    return (pieces.bincount(minlength=len(logs)) / DRAWS).tolist()


def assert_close(found, expected):
    """Each share within five standard deviations; what is impossible never comes."""
    for share, probability in zip(found, expected, strict=True):
        assert abs(share - probability) <= 5 * math.sqrt(probability * (1 - probability) / DRAWS)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_pieces_are_drawn_as_often_as_softmax_says(temperature):
    logs = torch.tensor([1.0, -1.0, 0.5, 0.0, -math.inf]).log_softmax(0)
    assert_close(shares(logs.tolist(), temperature=temperature), (logs / temperature).softmax(0).tolist())


def test_the_temperature_matters():
    logs = [math.log(0.6), math.log(0.4)]
    with pytest.raises(AssertionError):
        assert_close(shares(logs, temperature=2.0), [0.6, 0.4])


@pytest.mark.parametrize("top_p, kept", [(0.3, 1), (0.5, 1), (0.51, 2), (0.75, 2), (0.8, 3), (0.875, 3), (1.0, 4)])
def test_top_p_keeps_the_fewest_pieces_that_have_its_probability(top_p, kept):
    probabilities = [0.125, 0.5, 0.125, 0.25]
    by_size = [1, 3, 0, 2]  # of the two that are equal, the first
    sizes, pieces = nucleus(torch.tensor([probabilities], dtype=torch.float64), top_p)
    assert pieces[0].tolist() == by_size
    assert sizes[0].tolist() == [probabilities[piece] for piece in by_size[:kept]] + [0.0] * (4 - kept)
    total = sum(probabilities[piece] for piece in by_size[:kept])
    expected = [probabilities[piece] / total if piece in by_size[:kept] else 0 for piece in range(4)]
    assert_close(shares([math.log(p) for p in probabilities], top_p=top_p), expected)


def test_each_row_has_a_top_p_set_of_its_own():
    sizes, _ = nucleus(torch.tensor([[0.9, 0.05, 0.05], [0.4, 0.3, 0.3]]), 0.6)
    assert (sizes > 0).sum(dim=1).tolist() == [1, 2]


@pytest.mark.parametrize("temperature", [1e-3, 1e-300])
def test_a_temperature_near_0_is_greedy(temperature):
    model, sources = TableModel(7), list(range(20))
    greedy = generate(model, **sources_of(*sources), pieces=model.special, decoding=Decoding(max_length=9))
    assert [output.ids for output in drawn(model, sources, max_length=9, temperature=temperature)] == [
        output.ids for output in greedy
    ]


def test_other_sources_in_the_batch_change_nothing():
    model, sources = TableModel(7, scale=1.0), [5, 3, 8, 1]
    together = drawn(model, sources, names=sources, seed=1, max_length=12)
    back = drawn(model, sources[::-1], names=sources[::-1], seed=1, max_length=12)
    alone = [drawn(model, [source], names=[source], seed=1, max_length=12)[0] for source in sources]
    assert together == back[::-1] == alone
    assert len({len(output.ids) for output in together}) > 1


def test_the_seed_and_the_name_decide():
    model = TableModel(7, scale=1.0)

    def ids(**settings):
        return [output.ids for output in drawn(model, [4, 4], max_length=12, **settings)]

    assert ids() == ids(seed=0) == ids(names=[0, 1])
    assert ids() != ids(seed=1)
    assert ids() != ids(names=[1, 0]) == ids()[::-1]
    assert ids()[0] != ids()[1]  # the same source twice, with two names


def test_the_log_probability_is_the_models_whatever_the_temperature():
    model = TableModel(7, scale=1.0)
    (output,) = drawn(model, [4], max_length=6, temperature=0.7, top_p=0.9)
    assert output.log_probability == pytest.approx(model.log_probability(4, tuple(output.ids)), abs=1e-5)


def test_forbidden_pieces_are_never_drawn():
    outputs = drawn(TableModel(2, scale=0.0), range(300), max_length=5, min_length=2)
    assert {len(output.ids) for output in outputs} == {2, 3, 4, 5}
    assert not {PAD, CLS, SEP} & {piece for output in outputs for piece in output.ids}
