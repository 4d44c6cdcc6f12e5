import os
import random
import subprocess
import sys
import warnings
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from bert.errors import InputError
from bert.tokenization import wordpiece_trainer
from bert.tokenization.normalization import Normalizer
from bert.tokenization.special_tokens import SPECIAL_TOKENS
from bert.tokenization.wordpiece import WordPieceTokenizer
from bert.tokenization.wordpiece_trainer import choose_alphabet, count_words, join_pairs, train_wordpiece

NORMALIZER = Normalizer(True, True, True)


def made_up_texts(number: int = 300, seed: int = 0) -> list[str]:
    """Words of syllables, some far more frequent than others."""
    generator = random.Random(seed)
    syllables = [a + b + c for a in "bdfgk" for b in "aeiou" for c in ("", "n", "st")]
    words = ["".join(generator.choices(syllables, k=generator.randint(1, 4))) for _ in range(200)]
    return [" ".join(generator.choices(words, range(1, 201), k=20)) + "." for _ in range(number)]


def join_pairs_by_recounting(words: Counter[str], alphabet: list[str], size: int, min_frequency: int) -> list[str]:
    """The same as ``join_pairs``, counting every pair anew for every join."""
    spelled = {word: [word[0], *("##" + character for character in word[1:])] for word in words}
    spelled = {word: pieces for word, pieces in spelled.items() if set(pieces) <= set(alphabet)}
    vocabulary = list(alphabet)
    while len(vocabulary) < size:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, pieces in spelled.items():
            for pair in pairwise(pieces):
                pairs[pair] += words[word]
        if not pairs or max(pairs.values()) < min_frequency:
            break
        left, right = min(pairs, key=lambda pair: (-pairs[pair], pair))
        joined = left + right.removeprefix("##")
        if joined not in vocabulary:
            vocabulary.append(joined)
        for pieces in spelled.values():
            position = 0
            while position < len(pieces) - 1:
                if pieces[position : position + 2] == [left, right]:
                    pieces[position : position + 2] = [joined]
                position += 1
    return vocabulary


@pytest.mark.parametrize("seed", range(5))
def test_counts_kept_up_to_date_join_the_pairs_that_counting_anew_joins(seed):
    words = count_words(made_up_texts(30, seed) + ["aaaaa aaaa banana bananas"] * 5, NORMALIZER)
    alphabet = choose_alphabet(words, 100, 2)
    for min_frequency in (1, 2, 30):
        expected = join_pairs_by_recounting(words, alphabet, 250, min_frequency)
        assert join_pairs(words, alphabet, 250, min_frequency) == expected
    assert len(expected) < 250  # a high minimum ended it early


def test_special_tokens_come_first_and_then_the_characters():
    vocabulary = train_wordpiece(made_up_texts(), 120)
    assert len(vocabulary) == 120 == len(set(vocabulary))
    assert vocabulary[:5] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    characters = [piece for piece in vocabulary[5:] if len(piece.removeprefix("##")) == 1]
    assert vocabulary[5 : 5 + len(characters)] == sorted(characters)
    WordPieceTokenizer(vocabulary)


def test_neither_the_order_of_texts_nor_the_hash_seed_changes_the_vocabulary():
    texts = made_up_texts()
    expected = train_wordpiece(texts, 200)
    random.Random(1).shuffle(texts)
    assert train_wordpiece(iter(texts), 200) == expected
    assert train_wordpiece(texts[:50], 200) != expected  # the texts themselves do
    program = (
        "import sys, hashlib; from bert.tokenization.wordpiece_trainer import train_wordpiece; "
        "print(hashlib.sha256('\\n'.join(train_wordpiece(sys.stdin, 200)).encode()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            input="\n".join(texts),
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=Path(__file__).parents[3],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_texts_are_read_once_and_one_at_a_time():
    alive = []

    class Text(str):
        def __new__(cls, value):
            alive.append(1)
            return super().__new__(cls, value)

        def __del__(self):
            alive.pop()

    def stream():
        for text in made_up_texts():
            assert len(alive) <= 2  # one in the trainer's hands, and the one that it is being given
            yield Text(text)

    assert train_wordpiece(stream(), 120) == train_wordpiece(made_up_texts(), 120)


def test_every_piece_that_is_not_a_character_is_used():
    texts = made_up_texts(2000)
    vocabulary = train_wordpiece(texts, 120)
    used = set()
    for ids in WordPieceTokenizer(vocabulary).encode_batch(texts):
        used.update(ids)
    unused = [piece for token_id, piece in enumerate(vocabulary[5:], 5) if token_id not in used]
    assert [piece for piece in unused if len(piece.removeprefix("##")) > 1] == []


def test_dropping_what_is_not_used_leaves_room_for_what_compresses():
    words = count_words(made_up_texts(2000), NORMALIZER)
    alphabet = choose_alphabet(words, 100, 2)

    def pieces_with(vocabulary: list[str]) -> int:
        tokenizer = WordPieceTokenizer([*SPECIAL_TOKENS, *vocabulary])
        return sum(count * len(tokenizer.match_longest_first(word)) for word, count in words.items())

    by_frequency_alone = join_pairs(words, alphabet, 195, 2)
    assert pieces_with(train_wordpiece(made_up_texts(2000), 200)[5:]) < pieces_with(by_frequency_alone)


def test_options_are_the_tokenizers():
    texts = ["Straße ÉCOLE 中文中文 École"] * 3
    with pytest.warns(UserWarning, match="too small"):
        assert "ecole" in train_wordpiece(texts, 500)
    with pytest.warns(UserWarning, match="too small"):
        assert "École" in train_wordpiece(texts, 500, lowercase=False)
    with pytest.warns(UserWarning, match="too small"):
        vocabulary = train_wordpiece(texts, 500, strip_accents=False, split_chinese=False)
    assert "école" in vocabulary and "中文中文" in vocabulary


def test_what_is_too_rare_becomes_no_piece():
    with pytest.warns(UserWarning, match="too small"):
        vocabulary = train_wordpiece(["ab ab ab cd"], 100, min_frequency=3)
    assert vocabulary[5:] == ["##b", "a", "ab"]


def test_a_corpus_too_small_gives_what_it_can_and_a_warning():
    with pytest.warns(UserWarning, match="vocabulary of 1000 pieces: .* this vocabulary has 10"):
        vocabulary = train_wordpiece(["hug hug"], 1000)
    assert vocabulary[5:] == ["##g", "##u", "h", "##ug", "hug"]


def test_a_large_enough_corpus_gives_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train_wordpiece(made_up_texts(), 120)


def test_no_text_and_no_room_are_input_errors():
    for texts in ([], [""], [" \n\x00"], ["a"]):
        with pytest.raises(InputError, match="needs more text"):
            train_wordpiece(texts, 100)
    with pytest.raises(InputError, match="special tokens alone are 5"):
        train_wordpiece(["hug"], 5)


def test_a_small_vocabulary_keeps_the_most_frequent_characters():
    texts = ["aaab aaac aad"] * 5 + ["zq"] * 2
    assert train_wordpiece(texts, 9)[5:] == ["##a", "##b", "##c", "a"]
    assert "z" in train_wordpiece(texts, 15)


def test_words_that_would_be_unknown_are_not_learned_from():
    words = count_words(["a" * 101 + " " + "b" * 100 + " [MASK]\x0bs"], NORMALIZER)
    assert words == {"b" * 100: 1, "[": 1, "mask": 1, "]": 1, "s": 1}


def test_when_words_are_too_many_the_rarest_are_forgotten(monkeypatch):
    monkeypatch.setattr(wordpiece_trainer, "_MOST_CHUNKS", 50)
    monkeypatch.setattr(wordpiece_trainer, "_MOST_WORDS", 100)
    texts = [f"often often again again x{number}" for number in range(1000)]
    words = count_words(texts, NORMALIZER)
    assert words["often"] == 2000 and words["again"] == 2000 and len(words) <= 100


@pytest.mark.peers
@pytest.mark.parametrize("size", [1000, 4000])
def test_held_out_text_takes_fewer_pieces_than_with_rusts_vocabulary(size):
    tokenizers = pytest.importorskip("tokenizers")
    if "BERT_DATA" not in os.environ:
        pytest.skip("BERT_DATA is not set: no real text to learn from")
    lines = (Path(os.environ["BERT_DATA"]) / "wikitext-2" / "valid.txt").read_text(encoding="utf-8").split("\n")
    train, held_out = lines[: len(lines) * 3 // 4], lines[len(lines) * 3 // 4 :]
    rust = tokenizers.BertWordPieceTokenizer(lowercase=True)
    rust.train_from_iterator(train, vocab_size=size, min_frequency=2, show_progress=False)
    theirs = WordPieceTokenizer([rust.id_to_token(token_id) for token_id in range(rust.get_vocab_size())])
    ours = WordPieceTokenizer(train_wordpiece(train, size))
    assert ours.vocab_size == theirs.vocab_size == size
    our_pieces, their_pieces = (sum(map(len, each.encode_batch(held_out))) for each in (ours, theirs))
    assert our_pieces < their_pieces


def test_each_join_tells_how_many_pieces_there_are_and_will_be():
    words = Counter({"hugs": 3, "hug": 5, "bun": 4, "pun": 7})
    alphabet = choose_alphabet(words, 100, 2)
    told = []
    pieces = join_pairs(words, alphabet, len(alphabet) + 3, 2, reached=lambda *each: told.append(each))
    assert told == [(len(alphabet) + joined, len(alphabet) + 3) for joined in (1, 2, 3)]
    assert pieces == join_pairs(words, alphabet, len(alphabet) + 3, 2)
