"""The vocabulary shows whether texts were lower-cased, if no file says it."""

import pytest

from bert.checkpoints.vocabulary import load_tokenizer

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def tokenizer_of(directory, pieces):
    directory.mkdir()
    (directory / "vocab.txt").write_text("\n".join(SPECIAL + pieces) + "\n")
    return load_tokenizer(directory)


def test_capitals_in_the_vocabulary_mean_that_texts_keep_theirs(tmp_path):
    with pytest.warns(UserWarning, match="texts are not lower-cased, since 2 of its 9 pieces have capitals"):
        cased = tokenizer_of(tmp_path / "uncased_in_name_only", ["cat", "Cat", "##S", "é"])
    assert cased.tokenize("Cat cat é") == ["Cat", "cat", "é"]


def test_none_means_that_texts_are_lower_cased_and_a_few_added_ones_change_nothing(tmp_path):
    pieces = [f"piece{number}" for number in range(200)]
    with pytest.warns(UserWarning, match=r'texts are lower-cased.*\{"do_lower_case": false\}'):
        assert tokenizer_of(tmp_path / "a", ["cat", *pieces]).tokenize("Cat") == ["cat"]
    with pytest.warns(UserWarning, match="texts are lower-cased, since 1 of its 207 pieces"):
        assert tokenizer_of(tmp_path / "b", ["cat", "COVID", *pieces]).tokenize("Cat") == ["cat"]


def test_a_file_that_says_it_counts_and_nothing_is_warned_of(tmp_path, recwarn):
    (tmp_path / "vocab.txt").write_text("\n".join([*SPECIAL, "cat", "Cat"]))
    (tmp_path / "tokenizer_config.json").write_text('{"do_lower_case": true}')
    assert load_tokenizer(tmp_path).tokenize("Cat") == ["cat"]
    assert not recwarn
