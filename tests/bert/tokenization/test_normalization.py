import functools
import json
import unicodedata
from pathlib import Path

import pytest

from bert.tokenization.normalization import Normalizer, is_chinese, is_control, is_punctuation, is_whitespace

VECTORS = json.loads((Path(__file__).parent / "vectors" / "wordpiece.json").read_text(encoding="utf-8"))
CONFIGURATIONS = [  # lowercase, strip_accents, split_chinese
    (True, True, True),
    (True, False, False),
    (False, True, False),
    (False, False, True),
]


@functools.cache
def code_points() -> list[str]:
    """Every code point of the categories with rules of their own, and each 101st of those without."""
    return [
        chr(code_point)
        for code_point in range(0x110000)
        if unicodedata.category(chr(code_point)) not in ("Cs", "Cn", "Co", "Lo", "So") or code_point % 101 == 0
    ]


def by_steps(normalizer: Normalizer, text: str) -> list[str]:
    return [word for word, _ in normalizer.words_with_origins(text)]


def test_white_space_is_three_controls_and_the_separators():
    every = {chr(code_point) for code_point in range(0x110000) if is_whitespace(chr(code_point))}
    assert every == set("\t\n\r \xa0\u1680\u2028\u2029\u202f\u205f\u3000") | {chr(c) for c in range(0x2000, 0x200B)}


def test_punctuation_is_all_of_visible_ascii_but_letters_and_digits():
    ascii_punctuation = {chr(code_point) for code_point in range(128) if is_punctuation(chr(code_point))}
    assert ascii_punctuation == set("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
    assert is_punctuation("—") and is_punctuation("。") and not is_punctuation("€") and not is_punctuation("°")


def test_an_unassigned_code_point_is_no_control_character():
    assert unicodedata.category("\u0378") == "Cn" and not is_control("\u0378")
    assert all(map(is_control, "\x00\x0b\x7f\x85\xad\u200b\ue000\ud800"))
    assert not any(map(is_control, "\t\n\ra "))


def test_hangul_and_kana_are_not_set_apart_as_chinese_is():
    assert all(map(is_chinese, "中㐀\uf900\U00020000\U0002b820\U0002f800"))
    assert not any(map(is_chinese, "각あアa。"))


def test_each_option_does_its_own_thing():
    text = "Ça 中文É"
    assert by_steps(Normalizer(True, True, True), text) == ["ca", "中", "文", "e"]
    assert by_steps(Normalizer(False, True, True), text) == ["Ca", "中", "文", "E"]
    assert by_steps(Normalizer(True, False, True), text) == ["ça", "中", "文", "é"]
    assert by_steps(Normalizer(True, True, False), text) == ["ca", "中文e"]


@pytest.mark.parametrize("options", CONFIGURATIONS)
def test_the_fast_way_gives_the_words_of_the_steps_for_every_code_point(options):
    fast, steps = Normalizer(*options), Normalizer(*options)
    for character in code_points():
        text = f"A{character}\u0323{character}b"
        assert fast.words(text) == by_steps(steps, text), ascii(character)


def test_without_sorting_marks_the_fast_way_would_differ():
    # The control of the test above: these two marks, which are not stripped, do change places.
    text = "a\U0001d16d\U0001d165"
    assert text.translate(Normalizer(True, True, True)._becomes) == text
    assert Normalizer(True, True, True).words(text) == ["a\U0001d165\U0001d16d"]


def test_decomposing_what_a_code_point_became_changes_nothing():
    # What lets the fast way decompose after the other steps rather than between them.
    normalizer = Normalizer(True, True, True)
    for character in code_points():
        for word in normalizer.words(character):
            assert unicodedata.normalize("NFD", word) == word, ascii(character)


def test_each_character_has_the_origin_that_it_was_made_from():
    text = "\x00Ǆ É\u0323각 x"
    for word, origins in Normalizer(True, True, True).words_with_origins(text):
        assert len(word) == len(origins)
        for character, origin in zip(word, origins):
            assert character in unicodedata.normalize("NFD", text[origin].lower())


@pytest.mark.parametrize("case", VECTORS["difference"], ids=lambda case: ascii(case["text"]))
def test_code_points_newer_than_rusts_tables_follow_unicode(case):
    words = Normalizer(True, True, True).words(case["text"])
    assert words == case["ours"]
    assert words != case["rust"]


@pytest.mark.peers
@pytest.mark.parametrize("options", [(True, True, True), (False, False, False)])
def test_rust_gives_the_same_words_for_every_code_point_but_those_that_the_docstring_names(options):
    normalizers = pytest.importorskip("tokenizers.normalizers")
    pre_tokenizer = pytest.importorskip("tokenizers.pre_tokenizers").BertPreTokenizer()
    lowercase, strip_accents, split_chinese = options
    rust = normalizers.BertNormalizer(True, split_chinese, strip_accents, lowercase)
    ours = Normalizer(*options)
    different = []
    for character in [*code_points(), *map(chr, range(0x2B810, 0x2B930))]:
        text = f"a{character}b"
        if unicodedata.category(character) == "Cs":
            continue  # Rust's strings have no surrogates
        if ours.words(text) != [word for word, _ in pre_tokenizer.pre_tokenize_str(rust.normalize_str(text))]:
            different.append(character)
    unnamed = [
        ascii(character)
        for character in different
        if unicodedata.category(character) not in ("Mn", "Cf", "Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "Cn")
        and character not in "\u166d\u1734\U00011938"
        and not 0x2B820 <= ord(character) <= 0x2B91F
    ]
    assert unnamed == []
    assert 90 < len(different) < 1000  # and there are such: the comparison can tell
