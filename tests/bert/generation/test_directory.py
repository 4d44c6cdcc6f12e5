"""A run's directory has the target's vocabulary apart, if it is not the source's."""

import pytest

from bert.checkpoints.vocabulary import save_tokenizer
from bert.errors import InputError
from bert.generation.directory import load_target_tokenizer, save_target_tokenizer
from bert.tokenization.wordpiece import WordPieceTokenizer

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SOURCE, TARGET = WordPieceTokenizer([*SPECIAL, "a"]), WordPieceTokenizer([*SPECIAL, "B"], lowercase=False)


@pytest.mark.parametrize("target", [TARGET, WordPieceTokenizer([*SPECIAL, "a"], lowercase=False)])
def test_another_vocabulary_has_its_own_folder(target, tmp_path):
    save_tokenizer(tmp_path, SOURCE)
    save_target_tokenizer(tmp_path, SOURCE, target)
    assert load_target_tokenizer(tmp_path).fingerprint == target.fingerprint != SOURCE.fingerprint


def test_the_same_vocabulary_is_there_once(tmp_path):
    save_tokenizer(tmp_path, SOURCE)
    save_target_tokenizer(tmp_path, SOURCE, WordPieceTokenizer([*SPECIAL, "a"]))
    assert not (tmp_path / "target").exists()
    assert load_target_tokenizer(tmp_path).fingerprint == SOURCE.fingerprint


def test_a_folder_without_its_vocabulary_is_named(tmp_path):
    save_tokenizer(tmp_path, SOURCE)
    (tmp_path / "target").mkdir()
    with pytest.raises(InputError, match="target: holds no vocabulary"):
        load_target_tokenizer(tmp_path)
