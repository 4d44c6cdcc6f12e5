"""The fast way gives the ids of the way to read: with near-ties, long sums, spaces and full memos."""

import random

from bert.tokenization.sentencepiece import chunks
from bert.tokenization.sentencepiece.chunks import UnigramChunkEncoder, can_be_cut_at_spaces
from bert.tokenization.sentencepiece.model_file import Kind, NormalizerSettings, SentencePieceModel, parse_model
from bert.tokenization.sentencepiece.normalizer import Normalizer
from bert.tokenization.sentencepiece.tokenizer import SentencePieceTokenizer
from bert.tokenization.sentencepiece.trainer import train_sentencepiece
from bert.tokenization.sentencepiece.unigram import UnigramSegmenter


def model_of(pieces: dict[str, float], kinds: dict[str, Kind] | None = None, **settings) -> SentencePieceModel:
    kinds = kinds or {}
    return SentencePieceModel(
        pieces=["<unk>", *pieces],
        scores=[0.0, *pieces.values()],
        kinds=[Kind.UNKNOWN, *(kinds.get(piece, Kind.NORMAL) for piece in pieces)],
        is_unigram=settings.pop("is_unigram", True),
        byte_fallback=False,
        whitespace_as_suffix=settings.pop("whitespace_as_suffix", False),
        unknown_surface=" ⁇ ",
        normalizer=NormalizerSettings(**settings),
        denormalizer=None,
    )


def both_ways(model: SentencePieceModel):
    """What encodes chunk by chunk, and what cuts a text as a whole."""
    segmenter, normalizer = UnigramSegmenter(model), Normalizer(model.normalizer)
    assert can_be_cut_at_spaces(model, normalizer)
    fast = UnigramChunkEncoder(model, normalizer, segmenter, lambda _, pieces: pieces)
    return fast, lambda text: [token_id for token_id, _, _ in segmenter.segment(normalizer.normalize(text)[0])]


def test_near_ties_are_decided_by_all_that_stands_before():
    # Two cuts of "abc" differ by 3e-5. The words bring the sum to a size at which rounding loses that, or does not.
    scores = {"▁": -3.1, "a": -4.3, "b": -5.2, "c": -4.7, "▁ab": -7.00003, "bc": -6.9, "▁a": -4.8, "▁long": -11.7}
    fast, whole = both_ways(model_of(scores))
    chance = random.Random(5)
    cuts = set()
    for _ in range(400):
        text = " ".join(chance.choices(["abc", "long", "a", "bcb", "lo", "z"], k=chance.randint(1, 120)))
        assert fast.encode(text) == fast.encode(text) == whole(text)
        cuts.add(tuple(fast.encode("long " * chance.randint(0, 300) + "abc")[-2:]))
    assert len(cuts) == 2  # the same word, cut in two ways


def test_the_memo_alone_would_be_wrong():
    # The negative control of the test above: what is remembered of a chunk in doubt is not the answer.
    fast, whole = both_ways(model_of({"▁": -3.0, "a": -2.0, "b": -2.0, "ab": -4.0002, "▁x": -50.0}))
    text = "x " * 500 + "ab"
    assert fast._joined(text.split(" ")) != whole(text)
    assert fast.encode(text) == whole(text)


def test_sums_that_start_anew_do_so_at_the_same_place():
    fast, whole = both_ways(model_of({"▁": -3.0, "a": -2.0, "b": -2.0, "ab": -4.0002, "▁x": -900.25, "▁y": -7.7}))
    for count in range(100, 125):
        text = "x " * count + "y ab ab"
        assert fast.encode(text) == whole(text)
    text = " ".join(random.Random(6).choices(["x", "y", "ab", "abab", "q", "qq"], k=4000))
    assert fast.encode(text) == whole(text)


def test_a_run_of_unknown_characters_weighs_what_its_characters_weigh_though_it_is_one_piece():
    model = model_of({"▁": -3.1, "a": -4.3, "b": -5.2, "c": -4.7, "▁ab": -7.00003, "bc": -6.9, "▁a": -4.8})
    segmenter, normalizer = UnigramSegmenter(model), Normalizer(model.normalizer)

    def joined(_, pieces):
        return [piece for before, piece in zip([(None, 0, 0), *pieces], pieces) if not piece[0] == before[0] == 0]

    fast = UnigramChunkEncoder(model, normalizer, segmenter, joined)
    cuts = set()
    for count in range(1, 140, 3):
        for characters in (1, 10, 60):
            text = ("z" * characters + " ") * count + "abc"
            whole = [token_id for token_id, _, _ in joined(text, segmenter.segment(normalizer.normalize(text)[0]))]
            assert fast.encode(text) == whole
            cuts.add(tuple(whole[-2:]))
    assert len(cuts) == 2  # with a sum that has started anew, and one that has not


def test_models_that_look_over_spaces_are_not_cut_there():
    def can(model: SentencePieceModel) -> bool:
        return can_be_cut_at_spaces(model, Normalizer(model.normalizer))

    pieces = {"▁": -3.0, "▁a": -2.0}
    assert can(model_of(pieces))
    assert not can(model_of({"▁a": -2.0}))  # an unknown "▁" joins the unknown before it
    assert not can(model_of({**pieces, "a▁b": -3.0}))
    assert not can(model_of({**pieces, "▁▁": -3.0}, remove_extra_whitespaces=False))
    assert can(model_of({**pieces, "▁▁": -3.0}))  # no text has two in a row
    assert not can(model_of({**pieces, "New York": 0.0}, {"New York": Kind.USER_DEFINED}))
    assert not can(model_of(pieces, escape_whitespaces=False))
    assert not can(model_of(pieces, whitespace_as_suffix=True))
    assert not can(model_of({**pieces, "b": 1.0}))
    assert can(model_of({**pieces, "b": 1.0}, is_unigram=False))


def test_a_stream_of_words_that_never_repeat_does_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(chunks, "_REMEMBERED_CHUNKS", 200)
    fast, whole = both_ways(model_of({"▁": -3.0, **{digit: -2.0 for digit in "0123456789"}, "11": -4.0}))
    for start in range(0, 3000, 10):
        text = " ".join(map(str, range(start, start + 10)))
        assert fast.encode(text) == whole(text)
        assert len(fast._ids_of_chunk) <= 200 and len(fast._doubtful[-1]) <= 210
    fast.encode("1" * 10_000)
    assert all(len(chunk) <= 64 for chunk in fast._ids_of_chunk)


def test_the_tokenizer_takes_the_fast_way_for_an_ordinary_model():
    model = train_sentencepiece(["the cat sat on the mat"] * 5, 17)
    assert can_be_cut_at_spaces(parse_model(model), SentencePieceTokenizer(model)._normalizer)
