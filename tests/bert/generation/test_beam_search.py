"""Beam search against brute force: every output of five letters, and a plain search in lists."""

import math

import pytest
import torch

from bert import fast
from bert.generation.beam_search import penalty, search
from bert.generation.constraints import Constraints
from bert.generation.decoding import Decoding
from bert.generation.generate import generate
from bert.generation.greedy import write_piece_by_piece
from tests.bert.generation.table_model import CLS, PAD, SEP, TableModel, sources_of

LETTERS, LONGEST = 5, 4
ALPHAS = [-3.0, -0.5, 0.0, 0.6, 1.0, 3.0]


def start(model, sources):
    return model.start(model.encode(**sources_of(*sources)))


def found(model, sources, beams, alpha, longest=LONGEST, **settings):
    constraints = Constraints(model.special, Decoding(max_length=longest, **settings))
    return search(model, start(model, sources), len(sources), constraints, beams, alpha)


def divided(ids, log_probability, alpha):
    return log_probability / ((5 + len(ids) + 1) / 6) ** alpha


def search_in_lists(model, source, beams, alpha, longest):
    """The same search, one source at a time, in Python's lists, and never stopped early."""
    running, finished = [((), 0.0)], []
    for length in range(longest + 1):
        continuations = []
        for ids, log_probability in running:
            for piece, log in enumerate(model.log_probabilities(source, list(ids))):
                allowed = piece == SEP if length == longest else piece not in (PAD, CLS)
                if allowed:
                    continuations.append(((*ids, piece), log_probability + log))
        continuations.sort(key=lambda each: -each[1])
        finished += [(ids[:-1], log) for ids, log in continuations[:beams] if ids[-1] == SEP]
        running = [each for each in continuations if each[0][-1] != SEP][:beams]
    return max(finished, key=lambda each: divided(*each, alpha))


@pytest.mark.parametrize("alpha", ALPHAS)
def test_beams_that_cover_everything_find_the_best_of_all_outputs(alpha):
    model, sources = TableModel(LETTERS, seed=1, end=1.0), [3]
    outputs = found(model, sources, LETTERS**LONGEST, alpha)
    for source, output in zip(sources, outputs):
        every = model.every_output(source, LONGEST)
        assert len(every) == sum(LETTERS**length for length in range(LONGEST + 1))
        ids = max(every, key=lambda ids: divided(ids, every[ids], alpha))
        assert tuple(output.ids) == ids
        assert output.log_probability == pytest.approx(every[ids], abs=1e-5)


def test_the_penalty_decides_between_short_and_long_outputs():
    model = TableModel(LETTERS, seed=1, end=1.0)
    lengths = [sum(len(output.ids) for output in found(model, range(20), 30, alpha)) for alpha in (-3.0, 0.0, 3.0)]
    assert lengths[0] < lengths[1] < lengths[2]


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("beams, longest", [(1, 9), (2, 9), (4, 3)])
def test_few_beams_find_the_best_within_their_width(beams, longest, alpha):
    """For many sources at once, which end at different steps: early stopping loses nothing."""
    model, sources = TableModel(LETTERS, seed=2, scale=3.0), list(range(30))
    for source, output in zip(sources, found(model, sources, beams, alpha, longest)):
        ids, log_probability = search_in_lists(model, source, beams, alpha, longest)
        assert tuple(output.ids) == ids
        assert output.log_probability == pytest.approx(log_probability, abs=1e-5)


@pytest.mark.parametrize("beams", [1, 4])
def test_in_a_large_vocabulary_the_kernel_finds_what_pytorch_finds(beams):
    model, sources = TableModel(3_001, seed=8, scale=9.0), range(3)
    outputs = found(model, sources, beams, 0.6, longest=5, min_length=3)
    with fast.off():
        assert outputs == found(model, sources, beams, 0.6, longest=5, min_length=3)
    assert min(len(output.ids) for output in outputs) >= 3


def test_few_beams_do_not_always_find_the_best_of_all():
    """The control: the width matters."""
    model, sources = TableModel(LETTERS, seed=2, end=0.5), range(40)
    scores = [
        sum(output.log_probability for output in found(model, sources, beams, 0.0))
        for beams in (1, 2, LETTERS**LONGEST)
    ]
    assert scores[0] < scores[1] < scores[2]


def test_one_beam_without_a_penalty_is_greedy():
    model, sources = TableModel(9, seed=3), list(range(30))
    greedy = write_piece_by_piece(
        model, start(model, sources), torch.tensor(sources), Constraints(model.special, Decoding(max_length=12))
    )
    for one, other in zip(found(model, sources, 1, 0.0, longest=12), greedy, strict=True):
        assert one.ids == other.ids
        assert one.log_probability == pytest.approx(other.log_probability, abs=1e-5)


def test_other_sources_in_the_batch_change_nothing():
    model, sources = TableModel(9, seed=4), list(range(8))
    together = found(model, sources, 3, 0.6, longest=10)
    alone = [found(model, [source], 3, 0.6, longest=10)[0] for source in sources]
    assert together == alone
    assert len({len(output.ids) for output in together}) > 2  # they end at different steps


def test_sources_whose_search_has_ended_leave_the_work():
    model = TableModel(9, seed=4)
    found(model, range(8), 3, 0.6, longest=10)
    assert model.rows_of_steps[:2] == [8, 24]
    assert model.rows_of_steps[-1] < 24 and sorted(model.rows_of_steps[1:], reverse=True) == model.rows_of_steps[1:]


def test_a_search_stops_when_nothing_could_beat_what_it_has():
    def steps(alpha, end):
        model = TableModel(9, seed=5, end=end)
        found(model, [1], 4, alpha, longest=100)
        return len(model.rows_of_steps)

    assert steps(0.0, end=5.0) < 10
    assert steps(0.0, end=5.0) <= steps(0.6, end=5.0) < 101  # a long output could still gain by the penalty


class Fixed(TableModel):
    """The probabilities of each position, whatever the source and the pieces: of [SEP], and of two letters."""

    def __init__(self, *probabilities: tuple[float, float, float]):
        super().__init__(letters=2)
        self.table = torch.tensor([[1e-9, 1e-9, *row] for row in probabilities]).log()

    def logits(self, sources, history):
        return self.table[[history.shape[1] - 1] * len(sources)]


def test_an_output_that_ends_below_the_best_continuations_does_not_count():
    """As in transformers. Else one beam would take the second best piece, if that is [SEP]."""
    model = Fixed((0.4, 0.6, 0.0), (0.9, 0.1, 0.0), (0.9, 0.1, 0.0))
    assert found(model, [1], 1, 0.0, longest=2)[0].ids == [3]


def test_the_longest_output_may_be_the_best_with_a_penalty_for_short_ones():
    """Ended at once it has log(0.41) / 1 = -0.89; at the most pieces log(0.39 * 0.45) / (8 / 6)^3 = -0.73."""
    model = Fixed((0.41, 0.39, 0.2), (0.1, 0.45, 0.45), (1.0, 0.0, 0.0))
    assert len(found(model, [1], 2, 3.0, longest=2)[0].ids) == 2
    assert found(model, [1], 2, 0.0, longest=2)[0].ids == []


def test_a_longer_output_may_be_the_best_with_a_penalty_for_long_ones():
    """Ended at once it has log(0.1) / 1 = -2.3; after a piece log(0.85 * 0.9) / (7 / 6)^-3 = -0.43."""
    model = Fixed((0.1, 0.85, 0.05), *[(0.9, 0.1, 0.0)] * 30)
    assert found(model, [1], 2, -3.0, longest=30)[0].ids == [3]


def test_constraints_hold_in_every_beam():
    model, sources = TableModel(4, seed=6, end=2.0), range(20)
    for output in found(model, sources, 4, 0.6, longest=8, min_length=5, no_repeat_ngram=2):
        assert 5 <= len(output.ids) <= 8
        pairs = list(zip(output.ids, output.ids[1:]))
        assert len(pairs) == len(set(pairs))
    free = found(model, sources, 4, 0.6, longest=8)
    assert min(len(output.ids) for output in free) < 5  # the control


def test_a_beam_has_the_log_probability_of_its_output():
    model = TableModel(6, seed=7)
    outputs = generate(model, **sources_of(4, 5), pieces=model.special, decoding=Decoding(max_length=9, beams=3))
    for source, output in zip((4, 5), outputs):
        assert output.log_probability == pytest.approx(model.log_probability(source, tuple(output.ids)), abs=1e-5)


def test_the_penalty_is_that_of_the_paper():
    assert penalty(1, 5.0) == 1  # an output of one piece is not divided
    assert penalty(13, 0.5) == pytest.approx(math.sqrt(3))
    assert penalty(13, 0.0) == 1
