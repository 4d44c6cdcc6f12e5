"""Texts longer than the model: what is kept, and that it is said."""

import numpy as np
import pytest

from bert.errors import InputError
from bert.tasks.long_texts import fit_texts
from bert.tasks.options import LONG_TEXTS
from bert.tokenization.wordpiece import WordPieceTokenizer

LETTERS = [chr(ord("a") + number) for number in range(26)]
TOKENIZER = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS])


def words(text, part):
    """The letters of an input, joined."""
    return "".join(TOKENIZER.vocabulary[token] for token in part.input_ids).replace("[CLS]", "^").replace("[SEP]", "|")


def fitted(first, second=None, max_length=8, long_texts="head"):
    """What becomes of one text or pair, each a string of letters."""
    spaced = [" ".join(first)], None if second is None else [" ".join(second)]
    inputs, too_long = fit_texts(TOKENIZER, *spaced, max_length, long_texts)
    return [words(first, part) for part in inputs[0]], too_long


@pytest.mark.parametrize("long_texts", LONG_TEXTS)
def test_what_fits_is_as_the_tokenizer_makes_it(long_texts):
    for first, second in (("abc", None), ("abcdef", None), ("", None), ("ab", "cde"), ("a", "")):
        spaced = " ".join(first), None if second is None else " ".join(second)
        seconds = None if second is None else [spaced[1]]
        inputs, too_long = fit_texts(TOKENIZER, [spaced[0]], seconds, 8, long_texts)
        expected = TOKENIZER(*spaced)
        assert [part.input_ids.tolist() for part in inputs[0]] == [expected.input_ids]
        assert inputs[0][0].token_type_ids.tolist() == expected.token_type_ids
        assert too_long == 0


def test_head_tail_or_both_are_kept():
    assert fitted("abcdefghijkl") == (["^abcdef|"], 1)
    assert fitted("abcdefghijkl", long_texts="tail") == (["^ghijkl|"], 1)
    assert fitted("abcdefghijklmnop", max_length=14, long_texts="head+tail") == (["^abchijklmnop|"], 1)


def test_of_510_pieces_the_first_128_and_the_last_382_are_kept():
    text = [LETTERS[(number * number) % 26] for number in range(900)]
    inputs, _ = fit_texts(TOKENIZER, [" ".join(text)], None, 512, "head+tail")
    assert words("", inputs[0][0]) == "^" + "".join(text[:128] + text[-382:]) + "|"


def test_windows_overlap_by_half_and_lose_nothing():
    windows, too_long = fitted("abcdefghijk", long_texts="windows")
    assert windows == ["^abcdef|", "^defghi|", "^ghijk|"]
    assert too_long == 1


def test_pairs_are_cut_each_in_the_same_way_the_longer_first():
    assert fitted("ab", "cdefghij") == (["^ab|cde|"], 1)
    assert fitted("ab", "cdefghij", long_texts="tail") == (["^ab|hij|"], 1)
    assert fitted("abcdefgh", "ijklmnop", 11, "head+tail") == (["^afgh|inop|"], 1)
    assert fitted("ab", "cdefghi", long_texts="windows")[0] == ["^ab|cde|", "^ab|efg|", "^ab|ghi|"]


def test_windows_go_over_the_longer_of_two_texts_beside_all_of_the_other():
    windows, _ = fitted("cdefghi", "ab", long_texts="windows")
    assert windows == ["^cde|ab|", "^efg|ab|", "^ghi|ab|"]


def test_the_shorter_of_two_long_texts_is_cut_to_half_of_the_room():
    windows, _ = fitted("abcdefgh", "ijklm", 9, long_texts="windows")
    assert windows == ["^abc|ijk|", "^cde|ijk|", "^efg|ijk|", "^gh|ijk|"]


def test_each_long_text_is_counted_once_whatever_becomes_of_it():
    texts = ["a b", "a b c d e f g h i j k l m n o p", "a b c d e f g"]
    for long_texts in LONG_TEXTS:
        assert fit_texts(TOKENIZER, texts, None, 8, long_texts).too_long == 2


def test_no_input_is_longer_than_asked():
    generator = np.random.default_rng(0)
    for max_length in range(4, 20):
        texts = [" ".join(generator.choice(LETTERS, generator.integers(0, 40))) for _ in range(8)]
        for seconds in (None, texts[::-1]):
            for long_texts in LONG_TEXTS:
                if max_length < 6 and seconds is not None and long_texts == "windows":
                    continue
                inputs, _ = fit_texts(TOKENIZER, texts, seconds, max_length, long_texts)
                assert max(len(part) for parts in inputs for part in parts) <= max_length
    with pytest.raises(InputError, match="alone take 3"):
        fit_texts(TOKENIZER, ["a"], ["b"], 2)
