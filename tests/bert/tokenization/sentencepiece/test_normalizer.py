"""How text is prepared, against the sentencepiece library's own normalizer."""

import io
import sys
from functools import cache

import pytest
import sentencepiece

from bert.errors import InputError
from bert.tokenization.sentencepiece.model_file import NormalizerSettings, parse_model
from bert.tokenization.sentencepiece.normalizer import CharacterMap, Normalizer, Symbols

RULES = ["nmt_nfkc", "nmt_nfkc_cf", "nfkc", "nfkc_cf", "identity"]


@cache
def library_and_ours(rule: str) -> tuple[sentencepiece.SentencePieceProcessor, Normalizer]:
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["a b c d e f g"]),
        model_writer=written,
        vocab_size=12,
        hard_vocab_limit=False,
        normalization_rule_name=rule,
        minloglevel=2,
    )
    library = sentencepiece.SentencePieceProcessor(model_proto=written.getvalue())
    return library, Normalizer(parse_model(written.getvalue()).normalizer)


@pytest.mark.parametrize("rule", RULES)
def test_every_code_point_becomes_what_it_becomes_in_the_library(rule):
    library, ours = library_and_ours(rule)
    # A dozen at a time, with a letter in between. With the largest set of rules, the first two planes are complete. The
    # other rules, and planes without rules, have a sample.
    codes = [code for code in range(1, sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    step = 12 if rule == "nmt_nfkc_cf" else 12 * 29
    for start in [*range(0, 0x20000, step), *range(0x20000, len(codes), 12 * 97)]:
        text = "x".join(map(chr, codes[start : start + 12]))
        assert ours.normalize(text)[0] == library.normalize(text), hex(codes[start])


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "  Hello\tﬁne  world ",
        "e\u0301e\u0301\u0327 q\u0307\u0323 \u0301",
        "각 각 ᄀ",
        "Ａ\u3000Ｂ\u00a0C\u2003D\u200bE\ufeffF",
        "a\x00b\x01c\x7fd\x85e",
        "▁ ▁▁a▁",
        "\ufffd ﷺ ㎯ ¨ x¨ ¨",
        "\r\n\r\na\r\nb",
        "İstanbul ΌΣΟΣ straße STRASSE",
    ],
)
def test_composition_white_space_and_controls_are_as_in_the_library(rule, text):
    library, ours = library_and_ours(rule)
    assert ours.normalize(text)[0] == library.normalize(text)


def test_each_character_knows_where_it_is_from():
    _, ours = library_and_ours("nmt_nfkc")
    normalized, origins = ours.normalize(" ﬁx  e\u0301 ")
    assert normalized == "▁fix▁é"
    #         ▁  f  i  x  ▁  é  end
    assert origins == [1, 1, 1, 2, 3, 5, 7]


def test_a_lone_surrogate_is_three_broken_bytes_each_replaced():
    assert Normalizer(NormalizerSettings()).normalize("a\ud800b")[0] == "▁a\ufffd\ufffd\ufffdb"


def test_settings_turn_off_what_they_are_named_after():
    text = "  a  b "
    assert Normalizer(NormalizerSettings(add_dummy_prefix=False)).normalize(text)[0] == "a▁b"
    assert Normalizer(NormalizerSettings(remove_extra_whitespaces=False)).normalize(text)[0] == "▁▁▁a▁▁b▁"
    assert Normalizer(NormalizerSettings(escape_whitespaces=False)).normalize(text)[0] == " a b"
    assert Normalizer(NormalizerSettings(), whitespace_as_suffix=True).normalize(text)[0] == "a▁b▁"


def test_user_defined_symbols_are_kept_as_they_are():
    settings = parse_model(_model_with_rule("nmt_nfkc_cf")).normalizer
    assert Normalizer(settings, user_defined=["[MASK]"]).normalize("A[MASK]B[MAS")[0] == "▁a[MASK]b[mas"
    assert Normalizer(settings).normalize("A[MASK]B")[0] == "▁a[mask]b"


def _model_with_rule(rule: str) -> bytes:
    return library_and_ours(rule)[0].serialized_model_proto()


def test_the_longest_of_several_symbols_is_found():
    symbols = Symbols(["ab", "abc", "b"])
    assert symbols.end_of_match("xabcd", 1) == 4
    assert symbols.end_of_match("xabd", 1) == 3
    assert symbols.end_of_match("xa", 1) is None


@pytest.mark.parametrize("rule", RULES)
def test_words_of_plain_characters_need_no_more_than_a_look_up_of_each(rule):
    _, ours = library_and_ours(rule)
    plain = ours.plain_characters
    assert len(plain) == 94
    word = "".join(map(chr, plain))
    assert "▁" + word.translate(plain) == ours.normalize(word)[0]


@pytest.mark.parametrize(
    ("place", "damage"),
    [
        (slice(0, 4), b"\xff\xff\xff\x7f"),  # an array larger than the file
        (slice(0, 4), b"\x05\x00\x00\x00"),  # half a unit
        (slice(-1, None), b"A"),  # a replacement that does not end
        (slice(4, 8), b"\xff\xff\xff\x7f"),  # a first node whose rule ends outside
        (slice(-3, -1), b"\xff\xff"),  # replacements that are not UTF-8
    ],
)
def test_a_map_that_leads_out_of_itself_is_refused(place, damage):
    data = bytearray(parse_model(_model_with_rule("nmt_nfkc")).normalizer.character_map)
    assert CharacterMap(bytes(data)).longest_rule("ﬁx", 0) == ("fi", 1)  # whole, it is not
    data[place] = damage
    with pytest.raises(InputError, match="rules"):
        CharacterMap(bytes(data))


def test_a_map_that_goes_round_in_circles_is_refused():
    # 512 units, each the only child of the one before, by the byte that leads there.
    def chain_of(length: int) -> bytes:
        units = [0] * 1024
        for node in range(length):
            units[node] |= (node ^ (node + 1) ^ 1) << 10  # base = the next node, less the label 1
            units[node + 1] = 1
        return (4096).to_bytes(4, "little") + b"".join(unit.to_bytes(4, "little") for unit in units) + b"\0"

    CharacterMap(chain_of(100))
    with pytest.raises(InputError, match="circles"):
        CharacterMap(chain_of(600))


def test_a_rule_that_writes_more_than_any_is_refused():
    def map_of(replacement: bytes) -> bytes:
        """A map with one rule, for "a"."""
        units = [0] * 1024
        units[0] = 256 << 10  # the root's base is 256, and the node of a byte is 256 ^ byte
        node, leaf = 256 ^ ord("a"), 512
        units[node] = (node ^ leaf) << 10 | 0x100 | ord("a")
        units[leaf] = 0x80000000
        array = b"".join(unit.to_bytes(4, "little") for unit in units)
        return len(array).to_bytes(4, "little") + array + replacement + b"\0"

    assert CharacterMap(map_of(b"b" * 256)).longest_rule("xa", 1) == ("b" * 256, 2)
    with pytest.raises(InputError, match="a normalization rule writes more than 256 bytes"):
        CharacterMap(map_of(b"b" * 257))
