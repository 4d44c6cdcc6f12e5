"""The best cut of a text, against brute force."""

import math
import random

import numpy as np
import pytest

from bert.tokenization.sentencepiece.model_file import Kind, NormalizerSettings, SentencePieceModel
from bert.tokenization.sentencepiece.unigram import UnigramSegmenter, best_cut_of_steps


def model_of(pieces: dict[str, float], kinds: dict[str, Kind] | None = None) -> SentencePieceModel:
    kinds = kinds or {}
    return SentencePieceModel(
        pieces=["<unk>", *pieces],
        scores=[0.0, *(float(np.float32(score)) for score in pieces.values())],
        kinds=[Kind.UNKNOWN, *(kinds.get(piece, Kind.NORMAL) for piece in pieces)],
        is_unigram=True,
        byte_fallback=False,
        whitespace_as_suffix=False,
        unknown_surface=" ⁇ ",
        normalizer=NormalizerSettings(),
        denormalizer=None,
    )


def random_model(chance: random.Random) -> SentencePieceModel:
    words = {"".join(chance.choices("ab▁c", k=chance.randint(1, 4))) for _ in range(12)} - {"c"}  # no "c" alone
    return model_of({word: chance.uniform(-9, -1) for word in sorted(words)})


def all_cuts(text: str, model: SentencePieceModel) -> list[tuple[float, list[str]]]:
    """Every cut into pieces and unknown characters, with the exact sum of its scores; the best first."""
    scores = dict(zip(model.pieces[1:], model.scores[1:]))
    unknown = min(scores.values()) - 10

    def cuts(start: int) -> list[tuple[float, list[str]]]:
        if start == len(text):
            return [(0.0, [])]
        found = []
        for end in range(start + 1, len(text) + 1):
            score = scores.get(text[start:end], unknown if end == start + 1 else None)
            if score is not None:
                found += [(score + rest, [text[start:end], *pieces]) for rest, pieces in cuts(end)]
        return found

    return sorted(cuts(0), reverse=True)


def test_viterbi_finds_what_brute_force_finds():
    chance = random.Random(3)
    decided = 0
    for _ in range(150):
        model = random_model(chance)
        segmenter = UnigramSegmenter(model)
        text = "".join(chance.choices("ab▁cd", k=chance.randint(1, 8)))
        best, *others = all_cuts(text, model)
        margin = best[0] - others[0][0] if others else math.inf
        pieces, score = segmenter.best_cut(text, 0.0)
        assert score == pytest.approx(best[0], abs=1e-4)
        with_margin, found_margin = segmenter.best_cut_with_margin(text)
        assert found_margin == pytest.approx(margin, abs=1e-4)
        if margin > 1e-3:
            decided += 1
            assert [text[start:end] for _, start, end in pieces] == best[1]
            assert with_margin == pieces
    assert decided > 100


def test_the_steps_near_the_best_decide_as_all_steps_do_whatever_stands_before():
    chance = random.Random(5)
    left_out, undecided = 0, 0
    for _ in range(300):
        words = {"".join(chance.choices("ab▁c", k=chance.randint(1, 4))) for _ in range(12)} - {"c"}
        # Scores in proportion to length, a hair apart: many cuts are nearly as good as the best.
        model = model_of({word: -2.0 * len(word) - chance.uniform(0, 1e-3) for word in sorted(words)})
        segmenter = UnigramSegmenter(model)
        text = "".join(chance.choices("ab▁cd", k=chance.randint(4, 12)))
        steps = segmenter.near_best_steps(text, 0.1)
        left_out += len(steps) < len(segmenter.near_best_steps(text, math.inf))
        found = set()
        for before in (0.0, -31.7, -999.9, -5_123.4, -65_000.1):
            before = float(np.float32(before))
            cut = segmenter.best_cut(text, before)
            assert best_cut_of_steps(steps, len(text), before) == cut
            found.add(tuple(cut[0]))
        undecided += len(found) > 1
    assert left_out > 10 and undecided > 10


def test_pieces_cover_the_text_and_carry_the_ids_of_their_strings():
    model = model_of({"▁": -3.0, "a": -2.0, "▁a": -2.5, "b": -2.0})
    pieces = UnigramSegmenter(model).segment("▁abxa")
    assert pieces == [(3, 0, 2), (4, 2, 3), (0, 3, 4), (2, 4, 5)]


def test_an_unknown_character_costs_ten_more_than_the_worst_piece():
    model = model_of({"a": -1.0, "b": -7.5})
    assert UnigramSegmenter(model).best_cut("x", 0.0)[1] == -17.5


def test_a_user_defined_symbol_wins_over_better_pieces_and_an_unused_piece_is_never_chosen():
    pieces = {"a": -1.0, "b": -1.0, "ab": -50.0, "aa": -0.5}
    assert len(UnigramSegmenter(model_of(pieces)).segment("ab")) == 2
    assert UnigramSegmenter(model_of(pieces, {"ab": Kind.USER_DEFINED})).segment("ab") == [(3, 0, 2)]
    assert UnigramSegmenter(model_of(pieces)).segment("aa") == [(4, 0, 2)]
    assert len(UnigramSegmenter(model_of(pieces, {"aa": Kind.UNUSED})).segment("aa")) == 2


def test_sums_are_rounded_to_float32_and_so_what_stands_before_can_decide():
    # "a" and "b" are better than "ab" by 2e-4. Float32 sees that near -4, but not near -99,000: there the first holds.
    segmenter = UnigramSegmenter(model_of({"a": -2.0, "b": -2.0, "ab": -4.0002}))
    assert len(segmenter.best_cut("ab", 0.0)[0]) == 2
    assert len(segmenter.best_cut("ab", -99_000.0)[0]) == 1
    assert segmenter.best_cut_with_margin("ab")[1] == pytest.approx(2e-4, rel=0.01)


def test_a_sum_that_has_become_too_large_starts_anew_and_is_fine_again():
    segmenter = UnigramSegmenter(model_of({"a": -2.0, "b": -2.0, "ab": -4.0002, "x": -1000.0}))
    assert segmenter.best_cut("x" * 101, 0.0)[1] == -101_000.0
    assert segmenter.best_cut("x" * 101 + "a", 0.0)[1] == -2.0
    assert len(segmenter.segment("x" * 100 + "ab")) == 101
    assert len(segmenter.segment("x" * 101 + "ab")) == 103


def test_of_equal_cuts_the_one_whose_last_piece_starts_first_is_chosen():
    segmenter = UnigramSegmenter(model_of({"a": -1.0, "aa": -2.0, "aaa": -3.0}))
    assert segmenter.segment("aaa") == [(3, 0, 3)]


def test_an_endless_text_takes_time_in_proportion_to_its_length():
    model = model_of({"a": -1.0, "aa": -1.5, "aaaa": -2.0})
    pieces = UnigramSegmenter(model).segment("a" * 100_000)
    assert len(pieces) == 25_000
