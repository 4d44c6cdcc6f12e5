"""Fixtures that the tests of this room share."""

import string

import pytest

from bert.tokenization.wordpiece import WordPieceTokenizer


@pytest.fixture(scope="session")
def tokenizer():
    """Words that are in the vocabulary are one piece; all others are spelled out, letter by letter."""
    words = ["the", "cat", "dog", "sat", "ran", "on", "mat"]
    letters = list(string.ascii_lowercase)
    continuations = ["##" + letter for letter in letters]
    return WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", *words, *letters, *continuations])
