"""Models trained through the library: their special tokens, their size, their sameness."""

import pydoc_data.topics

import pytest

from bert.errors import InputError
from bert.tokenization.sentencepiece.tokenizer import SentencePieceTokenizer
from bert.tokenization.sentencepiece.trainer import train_sentencepiece
from bert.tokenization.special_tokens import SPECIAL_TOKENS

TEXTS = "\n".join(text for _, text in sorted(pydoc_data.topics.topics.items())).split("\n")[:600]


@pytest.mark.parametrize("model_type", ["unigram", "bpe"])
def test_the_vocabulary_has_the_asked_size_and_starts_with_the_special_tokens(model_type):
    tokenizer = SentencePieceTokenizer(train_sentencepiece(iter(TEXTS), 500, model_type))
    assert tokenizer.vocab_size == 500
    assert tuple(tokenizer.vocabulary[:5]) == SPECIAL_TOKENS


def test_the_same_texts_give_the_same_model():
    assert train_sentencepiece(TEXTS, 500) == train_sentencepiece(TEXTS, 500)
    assert train_sentencepiece(TEXTS, 500) != train_sentencepiece(TEXTS[::2], 500)


@pytest.mark.parametrize("model_type", ["unigram", "bpe"])
def test_a_corpus_too_small_gives_what_it_can_and_a_warning(model_type):
    with pytest.warns(UserWarning, match="too small for 5000 pieces") as caught:
        model = train_sentencepiece(["hello world"], 5000, model_type)
    size = SentencePieceTokenizer(model).vocab_size
    assert 5 < size < 50 and str(size) in str(caught[0].message)


def test_lower_casing_is_part_of_the_model():
    tokenizer = SentencePieceTokenizer(train_sentencepiece(TEXTS, 500, normalization="nmt_nfkc_cf"))
    assert tokenizer.encode("The STATEMENT") == tokenizer.encode("the statement")


def test_a_long_text_without_line_breaks_is_learned_from_in_parts():
    tokenizer = SentencePieceTokenizer(train_sentencepiece([" ".join(TEXTS * 2)], 500))
    assert "▁the" in tokenizer.vocabulary


@pytest.mark.parametrize(
    ("texts", "vocab_size", "complaint"),
    [
        ([], 100, "no text"),
        (["", " \n "], 100, "no text"),
        (["abc"], 5, "special tokens alone are 5"),
        (["abc"], -1, "too few"),
        (["abcdefghijkl"], 10, "characters alone are 18"),
    ],
)
def test_what_cannot_be_trained_is_said(texts, vocab_size, complaint):
    with pytest.raises(InputError, match=complaint):
        train_sentencepiece(texts, vocab_size)


def test_a_text_that_is_not_unicode_does_not_stop_the_training():
    assert train_sentencepiece(["abc \ud800 abc \0 abc"] * 3, 11)
