"""Added tokens are found before a text is split, as the Rust library finds them."""

import json
import random

import pytest

from bert.checkpoints.wordpiece_json import wordpiece_json
from bert.tokenization.added_tokens import AddedToken
from bert.tokenization.special_tokens import SPECIAL_TOKENS
from bert.tokenization.wordpiece import WordPieceTokenizer

VOCABULARY = [
    *SPECIAL_TOKENS, "a", "b", "x", "y", "é", "e", "##a", "##b", "##x", "ab", "covid", "##19", "1", "9", "<", ">", "[",
    "]", "京", "E", "A", "B", "##s", "[E1]",
]  # fmt: skip


def test_a_token_stays_whole_and_has_its_own_id_or_the_next_free_one():
    tokenizer = WordPieceTokenizer(VOCABULARY, added_tokens=[AddedToken("[E1]"), AddedToken("covid19")])
    assert tokenizer.tokenize("a[E1]ab covid19 COVID19") == ["a", "[E1]", "ab", "covid19", "covid", "##19"]
    assert tokenizer.token_to_id("[E1]") == VOCABULARY.index("[E1]")
    assert tokenizer.token_to_id("covid19") == len(VOCABULARY) == tokenizer.vocab_size - 1
    assert WordPieceTokenizer(VOCABULARY).tokenize("[E1]") == ["[", "[UNK]", "]"]  # the control


def test_a_normalized_token_is_found_in_the_normalized_text():
    tokenizer = WordPieceTokenizer(VOCABULARY, added_tokens=[AddedToken("Covid19", special=False, normalized=True)])
    assert tokenizer.tokenize("a Cóvid19 covid19b") == ["a", "Covid19", "Covid19", "b"]
    assert tokenizer.pieces("a Cóvid19").offsets == [(0, 1), (2, 9)]


def test_words_are_not_made_of_tokens_that_the_vocabulary_lacked():
    tokenizer = WordPieceTokenizer(VOCABULARY, added_tokens=[AddedToken("##q", single_word=True), AddedToken("yx")])
    assert tokenizer.tokenize("aq YX") == ["[UNK]", "y", "##x"]
    assert not tokenizer.continues_word[tokenizer.token_to_id("##q")]


def test_decoding_skips_special_tokens_alone():
    tokenizer = WordPieceTokenizer(VOCABULARY, added_tokens=[AddedToken("<s>"), AddedToken("<t>", special=False)])
    assert tokenizer.decode(tokenizer.encode("a <s> b <t>")) == "a b <t>"


def test_a_tokenizer_without_added_tokens_has_the_fingerprint_that_it_always_had():
    tokenizer = WordPieceTokenizer(VOCABULARY)
    assert tokenizer.__reduce__() == (WordPieceTokenizer, (VOCABULARY, True, True, True))
    other = WordPieceTokenizer(VOCABULARY, added_tokens=[AddedToken("[E1]")])
    assert other.fingerprint != tokenizer.fingerprint


@pytest.mark.parametrize("content", ["new york", "covid19", "京"])
def test_other_processes_find_them_too(content):
    tokenizer = WordPieceTokenizer(VOCABULARY, added_tokens=[AddedToken(content, normalized=True)])
    texts = [f"a {content}b"] * 600
    assert tokenizer.encode_batch(texts, processes=2) == [tokenizer.pieces(text).ids for text in texts]


# ---- beside the Rust library ------------------------------------------------------------------------------

CANDIDATES = [
    "[E1]", "covid19", "<e>", "AB", "É", "京北", "new york", "a b", "x", "ab", "Covid", "##q", "xyz", "北", " k", "1.5",
]  # fmt: skip
PARTS = [
    "a", "b", "x", "A", "B", "É", "e", " ", "  ", "\n", "京", "北", "1", "9", "covid", "19", "[E1]", "<e>", "new",
    "york", "AB", "Covid", "k", "xyz", "##q", "[MASK]", "[", "]", ".", "_", "\u0301", "\x0b", "\u200b", "1.5", "\u2028",
]  # fmt: skip


@pytest.mark.peers
@pytest.mark.parametrize("seed", range(20))
def test_any_tokens_in_any_text_have_rusts_ids_offsets_and_words(seed):
    rust = pytest.importorskip("tokenizers").Tokenizer
    rng = random.Random(seed)

    def toss() -> bool:
        return rng.random() < 0.4

    tokens = [
        AddedToken(content, toss(), toss(), toss(), toss(), toss())
        for content in rng.sample(CANDIDATES, rng.randint(1, 6))
    ]
    tokens += [AddedToken(token) for token in SPECIAL_TOKENS]
    settings = {"lowercase": toss(), "strip_accents": rng.choice([None, True, False])}
    ours = WordPieceTokenizer(VOCABULARY, **settings, split_chinese=toss(), added_tokens=tokens)
    theirs = rust.from_str(json.dumps(wordpiece_json(ours)))
    for _ in range(40):
        text = "".join(rng.choices(PARTS, k=rng.randint(0, 12)))
        expected, pieces = theirs.encode(text, add_special_tokens=False), ours.pieces(text)
        assert ours.encode(text) == pieces.ids == expected.ids, ascii(text)
        assert (pieces.offsets, pieces.word_ids) == (expected.offsets, expected.word_ids), ascii(text)
