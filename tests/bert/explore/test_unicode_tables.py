"""The tables in the page say of each character what Python says."""

import random
import sys
import unicodedata

import pytest

from bert.explore.unicode_tables import unicode_tables
from bert.tokenization.added_tokens import is_of_word
from bert.tokenization.normalization import is_chinese, is_control, is_punctuation, is_whitespace

# All of the lower planes' first part, where most scripts are, and some of the rest.
CHARACTERS = [chr(code) for code in range(0x3100)]
CHARACTERS += [chr(code) for code in random.Random(0).sample(range(0x3100, sys.maxunicode + 1), 4000)]


@pytest.fixture(scope="module")
def tables():
    return unicode_tables()


def members(ranges: list[int]) -> set[int]:
    return {code for first, last in zip(ranges[::2], ranges[1::2]) for code in range(first, last + 1)}


def test_sets_have_the_characters_that_our_functions_accept(tables):
    functions = {
        "space": is_whitespace, "control": is_control, "punctuation": is_punctuation, "chinese": is_chinese,
        "word": is_of_word, "stripped": str.isspace,
        "mark": lambda character: unicodedata.category(character) == "Mn",
    }  # fmt: skip
    for name, is_in in functions.items():
        codes = members(tables[name])
        assert tables[name] == sorted(tables[name])
        assert {ord(character) for character in CHARACTERS if is_in(character)} == codes & set(map(ord, CHARACTERS))


def test_changes_are_pythons_but_for_hangul(tables):
    for character in CHARACTERS:
        assert tables["lower"].get(character, character) == character.lower()
        if not 0xAC00 <= ord(character) <= 0xD7A3:
            assert tables["decomposed"].get(character, character) == unicodedata.normalize("NFD", character)


def test_combining_classes_are_pythons(tables):
    classes = {code: value for first, last, value in tables["combining"] for code in range(first, last + 1)}
    for character in CHARACTERS:
        assert classes.get(ord(character), 0) == unicodedata.combining(character)
