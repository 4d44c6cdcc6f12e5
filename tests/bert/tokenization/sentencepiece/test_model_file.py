"""What a .model file says, read from bytes written here field by field, and from what the library writes."""

import io
import random
import struct

import pytest
import sentencepiece

from bert.errors import InputError
from bert.tokenization.sentencepiece.model_file import Kind, NormalizerSettings, parse_model
from bert.tokenization.sentencepiece.tokenizer import SentencePieceTokenizer


def varint(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*written, value])


def field(number: int, value: int | float | bytes) -> bytes:
    if isinstance(value, bytes):
        return varint(number << 3 | 2) + varint(len(value)) + value
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    return varint(number << 3) + varint(value)


def piece(text: str, score: float = -1.0, kind: Kind = Kind.NORMAL) -> bytes:
    return field(1, field(1, text.encode()) + field(2, score) + field(3, int(kind)))


UNKNOWN = piece("<unk>", 0.0, Kind.UNKNOWN)


def test_pieces_scores_and_kinds_come_in_the_order_of_the_file():
    model = parse_model(UNKNOWN + piece("▁an", -1.5) + piece("[MASK]", 0.0, Kind.USER_DEFINED))
    assert model.pieces == ["<unk>", "▁an", "[MASK]"]
    assert model.scores == [0.0, -1.5, 0.0]
    assert model.kinds == [Kind.UNKNOWN, Kind.NORMAL, Kind.USER_DEFINED]
    assert model.unknown_id == 0


def test_what_a_file_leaves_out_has_the_formats_default():
    model = parse_model(UNKNOWN + field(1, field(1, b"a")))
    assert (model.scores[1], model.kinds[1]) == (0.0, Kind.NORMAL)
    assert model.is_unigram and not model.byte_fallback and not model.whitespace_as_suffix
    assert model.unknown_surface == " \u2047 "
    assert model.normalizer == NormalizerSettings(b"", True, True, True)
    assert model.denormalizer is None


def test_settings_are_read_from_their_fields():
    trainer = field(3, 2) + field(24, 1) + field(44, b"?")
    normalizer = field(1, b"identity") + field(3, 0) + field(4, 0) + field(5, 0)
    model = parse_model(UNKNOWN + field(2, trainer) + field(3, normalizer))
    assert not model.is_unigram and model.whitespace_as_suffix and model.unknown_surface == "?"
    assert model.normalizer == NormalizerSettings(b"", False, False, False)


def test_a_message_that_is_there_twice_is_one_and_fields_that_nobody_knows_are_skipped():
    unheard_of = field(99, b"what?") + field(98, 7) + field(97, 1.0)
    model = parse_model(field(2, field(3, 2)) + unheard_of + UNKNOWN + field(2, field(24, 1)))
    assert not model.is_unigram and model.whitespace_as_suffix


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "no pieces"),
        (b"hello, I am a text file\n", "it is damaged|is not the start"),
        (UNKNOWN[:-3], "cut off"),
        (UNKNOWN + b"\x0a", "cut off"),
        (UNKNOWN + b"\x80" * 11, "longer than 64 bits"),
        (UNKNOWN + b"\x0a\xff\xff\xff\xff\x7f", "cut off"),
        (UNKNOWN + b"\x0b", "not the start of a field"),
        (piece("a"), "0 unknown pieces"),
        (UNKNOWN + piece("<u>", 0.0, Kind.UNKNOWN), "2 unknown pieces"),
        (UNKNOWN + piece("a") + piece("a"), "'a' twice"),
        (UNKNOWN + piece(""), "piece 1 is empty"),
        (UNKNOWN + piece("a\0b"), "zero byte"),
        (UNKNOWN + piece("a" * 8000), "longer"),
        (UNKNOWN + piece("a", float("nan")), "nan"),
        (UNKNOWN + field(1, field(1, b"a") + field(3, 9)), "unknown kind 9"),
        (UNKNOWN + field(1, field(1, b"\xff")), "not UTF-8"),
        (UNKNOWN + field(2, field(3, 3)), "model type is word"),
        (UNKNOWN + field(2, field(35, 1)), "0 byte pieces"),
        (UNKNOWN + piece("<0x0A>", 0.0, Kind.BYTE), "1 byte pieces"),
        (UNKNOWN + field(3, field(2, b"abc")), "rules are damaged"),
    ],
)
def test_a_damaged_or_foreign_file_is_named_with_what_is_wrong(data, complaint, tmp_path):
    path = tmp_path / "spm.model"
    path.write_bytes(data)
    with pytest.raises(InputError, match=complaint) as caught:
        SentencePieceTokenizer.from_file(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.model: no such file"):
        SentencePieceTokenizer.from_file(tmp_path / "nowhere.model")
    with pytest.raises(InputError, match="cannot be read"):
        SentencePieceTokenizer.from_file(tmp_path)


def test_no_truncation_or_flipped_byte_does_more_than_raise_an_input_error():
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["the cat sat on the mat", "ﬁne words, the fine cats"] * 20),
        model_writer=written,
        vocab_size=40,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    data = written.getvalue()
    chance = random.Random(7)
    outcomes = {"raised": 0, "read": 0}
    for trial in range(75):
        damaged = bytearray(data)
        if trial % 3 == 0:
            del damaged[chance.randrange(len(data)) :]
        for _ in range(trial % 3):
            # Half of the flips hit the rules' trie, half the pieces and the settings around it.
            place = chance.choice([chance.randrange(len(data)), chance.randrange(-900, 900)])
            damaged[place] ^= 1 << chance.randrange(8)
        try:
            tokenizer = SentencePieceTokenizer(bytes(damaged))
        except InputError:
            outcomes["raised"] += 1
            continue
        outcomes["read"] += 1
        for text in ("the ﬁne cat", "e\u0301 Ｈello\u3000x 中文 \x01", "...."):
            ids = tokenizer.encode(text)
            assert ids == tokenizer.pieces(text).ids
            tokenizer.decode(ids)
    assert min(outcomes.values()) > 10  # both happen, so both are tested
