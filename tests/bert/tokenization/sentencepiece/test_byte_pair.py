"""Merges by score, against a transcription of the definition that looks at all neighbours before each merge."""

import random
from itertools import pairwise

from bert.tokenization.sentencepiece.byte_pair import BytePairSegmenter
from bert.tokenization.sentencepiece.model_file import Kind, NormalizerSettings, SentencePieceModel


def model_of(pieces: dict[str, float], kinds: dict[str, Kind] | None = None) -> SentencePieceModel:
    kinds = kinds or {}
    return SentencePieceModel(
        pieces=["<unk>", *pieces],
        scores=[0.0, *pieces.values()],
        kinds=[Kind.UNKNOWN, *(kinds.get(piece, Kind.NORMAL) for piece in pieces)],
        is_unigram=False,
        byte_fallback=False,
        whitespace_as_suffix=False,
        unknown_surface=" ⁇ ",
        normalizer=NormalizerSettings(),
        denormalizer=None,
    )


def merged_by_definition(text: str, scores: dict[str, float]) -> list[str]:
    symbols = list(text)
    while True:
        pairs = [
            (-scores[left + right], place)
            for place, (left, right) in enumerate(pairwise(symbols))
            if left + right in scores
        ]
        if not pairs:
            return symbols
        _, place = min(pairs)
        symbols[place : place + 2] = [symbols[place] + symbols[place + 1]]


def strings(text: str, model: SentencePieceModel) -> list[str]:
    return [text[start:end] for _, start, end in BytePairSegmenter(model).segment(text)]


def test_merges_are_those_of_the_definition():
    chance = random.Random(4)
    merged = 0
    for _ in range(300):
        words = sorted({"".join(chance.choices("ab▁", k=chance.randint(1, 4))) for _ in range(15)})
        scores = {word: float(-chance.randrange(6)) for word in words}  # few values, so that there are ties
        text = "".join(chance.choices("ab▁c", k=chance.randint(0, 14)))
        expected = merged_by_definition(text, scores)
        assert strings(text, model_of(scores)) == expected
        merged += len(expected) < len(text)
    assert merged > 150


def test_the_best_score_goes_first_and_then_the_leftmost():
    assert strings("abc", model_of({"ab": -1.0, "bc": -2.0})) == ["ab", "c"]
    assert strings("abc", model_of({"ab": -2.0, "bc": -1.0})) == ["a", "bc"]
    assert strings("aaa", model_of({"aa": -1.0})) == ["aa", "a"]


def test_what_is_no_piece_has_the_unknown_id():
    assert BytePairSegmenter(model_of({"a": -1.0})).segment("ax") == [(1, 0, 1), (0, 1, 2)]


def test_a_user_defined_symbol_is_never_merged():
    pieces = {"a": -3.0, "b": -3.0, "c": -3.0, "ab": -1.0, "abc": 0.0}
    assert strings("abc", model_of(pieces)) == ["abc"]
    assert strings("abc", model_of(pieces, {"ab": Kind.USER_DEFINED})) == ["ab", "c"]


def test_an_unused_piece_takes_part_in_merges_but_is_taken_apart_again():
    pieces = {"a": -9.0, "b": -9.0, "c": -9.0, "d": -9.0, "ab": -1.0, "cd": -2.0, "abcd": -3.0}
    assert strings("abcd", model_of(pieces)) == ["abcd"]
    assert strings("abcd", model_of(pieces, {"abcd": Kind.UNUSED})) == ["ab", "cd"]
    assert strings("abcd", model_of(pieces, {"ab": Kind.UNUSED})) == ["abcd"]
    assert strings("abcd", model_of(pieces, {"abcd": Kind.UNUSED, "ab": Kind.UNUSED})) == ["a", "b", "cd"]


def test_an_endless_text_does_not_take_time_by_its_square():
    model = model_of({"a": -1.0, "aa": -2.0, "aaaa": -3.0})
    assert len(BytePairSegmenter(model).segment("a" * 50_000)) == 12_500


def test_an_unused_piece_of_one_character_is_unknown():
    model = model_of({"a": -1.0, "b": -2.0}, {"a": Kind.UNUSED})
    assert BytePairSegmenter(model).segment("ab") == [(0, 0, 1), (2, 1, 2)]
