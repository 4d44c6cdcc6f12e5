"""Pieces that are added to a vocabulary: they save pieces, and nothing that was there moves."""

import pytest

from bert.checkpoints.vocabulary import load_tokenizer, save_tokenizer
from bert.errors import InputError
from bert.tokenization.added_tokens import AddedToken
from bert.tokenization.new_pieces import add_pieces, learn_pieces, old_ids
from bert.tokenization.special_tokens import SPECIAL_TOKENS
from bert.tokenization.wordpiece import WordPieceTokenizer
from bert.tokenization.wordpiece_trainer import train_wordpiece
from tests.bert.tokenization.test_wordpiece_trainer import made_up_texts

LETTERS = [*"acemstz", *(f"##{letter}" for letter in "acemstz")]


def tokenizer_of(*pieces, **settings) -> WordPieceTokenizer:
    return WordPieceTokenizer([*SPECIAL_TOKENS, *LETTERS, *pieces], **settings)


def total(tokenizer, texts) -> int:
    return sum(len(tokenizer.encode(text)) for text in texts)


def test_the_first_pieces_are_the_words_that_save_most():
    tokenizer = tokenizer_of("ec", "##ze", "##ma", "mast")
    texts = ["Eczema mast"] * 50 + ["eczemas"] * 20 + ["tease"] * 20 + ["mastmast"]
    # eczema saves 2 in each of 50 words, tease 4 in each of 20; mast is there already
    assert learn_pieces(tokenizer, texts, 2) == ["eczema", "tease"]
    assert add_pieces(tokenizer, ["eczema"]).tokenize("Eczemas, ECZEMA") == ["eczema", "##s", "[UNK]", "eczema"]


@pytest.mark.parametrize("seed", range(3))
def test_text_takes_fewer_pieces_the_more_are_added_and_all_are_used(seed):
    texts, others = made_up_texts(200, seed), made_up_texts(300, seed)[200:]
    tokenizer = WordPieceTokenizer(train_wordpiece(texts, 70))
    sizes = [total(tokenizer, others)]
    for count in (1, 5, 20, 60):
        pieces = learn_pieces(tokenizer, texts, count)
        assert len(pieces) == len(set(pieces)) == count
        larger = add_pieces(tokenizer, pieces)
        used = {token_id for text in texts for token_id in larger.encode(text)}
        assert used >= set(range(tokenizer.vocab_size, larger.vocab_size))
        sizes.append(total(larger, others))
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == len(sizes)


def test_the_old_pieces_keep_their_ids_and_words_that_the_new_ones_do_not_touch_their_cuts():
    tokenizer = tokenizer_of("mast")
    larger = add_pieces(tokenizer, ["eczema", "##zema"])
    assert larger.vocabulary[: tokenizer.vocab_size] == tokenizer.vocabulary
    assert larger.vocabulary[tokenizer.vocab_size :] == ["eczema", "##zema"]
    assert larger.encode("mast [MASK] team") == tokenizer.encode("mast [MASK] team")
    assert larger.continues_word[-2:] == [False, True]


def test_a_new_piece_was_cut_into_what_text_was_cut_into():
    tokenizer = tokenizer_of("ec", "##ze", "##ma")
    assert [tokenizer.vocabulary[token_id] for token_id in old_ids(tokenizer, "eczemas")] == tokenizer.tokenize(
        "eczemas"
    )
    rest = [tokenizer.vocabulary[token_id] for token_id in old_ids(tokenizer, "##czema")]
    assert rest == tokenizer.tokenize("eczema".replace("e", "t", 1))[1:] == ["##c", "##ze", "##ma"]


def test_words_are_those_of_the_tokenizers_own_normalization():
    texts = ["TEASE Tease têase tease-tease"] * 3
    assert learn_pieces(tokenizer_of(), texts, 9) == ["tease"]
    cased = WordPieceTokenizer([*SPECIAL_TOKENS, *LETTERS, *"TE", *(f"##{letter}" for letter in "TEAS")], False)
    assert set(learn_pieces(cased, texts, 9)) == {"TEASE", "Tease", "tease"}


def test_a_word_that_cannot_be_spelled_or_is_too_rare_or_whole_gives_no_piece():
    tokenizer = tokenizer_of("mast")
    assert learn_pieces(tokenizer, ["mast bombast \N{GRINNING FACE}"] * 9 + ["tease"], 9) == []
    assert learn_pieces(tokenizer, ["tease"], 9, min_frequency=1) == ["tease"]
    assert learn_pieces(tokenizer, [], 9) == []


def test_pieces_come_after_added_tokens_which_keep_their_ids_and_stay_whole(tmp_path):
    tokenizer = tokenizer_of(added_tokens=[AddedToken("[E1]"), AddedToken("CTM")])
    larger = add_pieces(tokenizer, ["team"])
    assert larger.encode("[E1] team CTM") == [*tokenizer.encode("[E1]"), tokenizer.vocab_size, *tokenizer.encode("CTM")]
    assert larger.special_token_ids == tokenizer.special_token_ids
    save_tokenizer(tmp_path, larger)  # a resumed run finds its tokenized corpus by the fingerprint
    assert load_tokenizer(tmp_path).fingerprint == larger.fingerprint
    with pytest.raises(InputError, match=r"added token 'a\\n' cannot be a line of vocab.txt"):
        add_pieces(tokenizer_of(added_tokens=[AddedToken("a\n")]), ["team"])


@pytest.mark.peers
@pytest.mark.parametrize("lowercase", [True, False])
def test_transformers_reads_the_grown_vocabulary_with_the_same_ids(tmp_path, lowercase):
    from transformers import BertTokenizer

    texts = made_up_texts(100)
    tokenizer = WordPieceTokenizer(train_wordpiece(texts, 70, lowercase), lowercase, added_tokens=[AddedToken("[E1]")])
    larger = add_pieces(tokenizer, learn_pieces(tokenizer, texts, 40))
    save_tokenizer(tmp_path, larger)
    theirs = BertTokenizer.from_pretrained(tmp_path)
    assert len(theirs) == larger.vocab_size
    for text in [*texts[:20], "Bandust [E1] gifonst! [MASK]", "naïve BA"]:
        assert theirs(text, add_special_tokens=False)["input_ids"] == larger.encode(text)
        assert load_tokenizer(tmp_path).encode(text) == larger.encode(text)
