"""A SentencePiece tokenizer is checked by trying all cuts."""

import pytest

from bert.selftest.tokenizer import tokenizer_rows
from bert.tokenization.sentencepiece.tokenizer import SentencePieceTokenizer
from bert.tokenization.sentencepiece.trainer import train_sentencepiece
from tests.bert.selftest.planting import plant

TEXTS = [
    "the river was again in the garden", "winters and nothing unaffable", "a bad thing was in the winter",
    "rivers gain nothing", "an able gardener", "the baddest thing again", "a winter garden was a thing of the rivers",
]  # fmt: skip
CUTS = "the most probable cut (words)"


@pytest.fixture(scope="module")
def tokenizer() -> SentencePieceTokenizer:
    """A unigram model."""
    return SentencePieceTokenizer(train_sentencepiece(TEXTS * 5, 36))


def rows_of(tokenizer):
    """The rows by name."""
    return {row.name: row for row in tokenizer_rows(tokenizer)}


def test_the_cuts_of_a_unigram_model_are_the_most_probable(tokenizer):
    rows = rows_of(tokenizer)
    assert not any(row.is_broken for row in rows.values())
    assert rows[CUTS].error == 0 and rows[CUTS].note == "9 words"


def test_a_segmenter_that_takes_the_least_probable_cut_is_found(tokenizer, monkeypatch):
    file = "bert/tokenization/sentencepiece/unigram.py"
    plant(monkeypatch, file, "self.scores = list(model.scores)", "self.scores = [-each for each in model.scores]")
    again = SentencePieceTokenizer(tokenizer.model_bytes)  # it remembers no word yet
    assert rows_of(again)[CUTS].is_broken and rows_of(again)[CUTS].file == file


def test_byte_pairs_are_not_tried():
    model = train_sentencepiece(TEXTS * 5, 50, "bpe")
    assert rows_of(SentencePieceTokenizer(model))["the most probable cut (words)"].error is None
