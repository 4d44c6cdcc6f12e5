"""A tokenizer's files: what is written comes back, and damage is named."""

import json

import pytest

from bert.checkpoints.vocabulary import check_vocabulary_fits, load_tokenizer, save_tokenizer
from bert.config import BertConfig
from bert.errors import InputError
from bert.tokenization.wordpiece import WordPieceTokenizer
from tests.conftest import dies_after

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "##b", "é"]


@pytest.mark.parametrize("settings", [
    {"lowercase": False},
    {"lowercase": True, "strip_accents": False, "split_chinese": False},
])  # fmt: skip
def test_what_is_saved_comes_back(tmp_path, settings):
    saved = WordPieceTokenizer(VOCABULARY, **settings)
    save_tokenizer(tmp_path, saved)
    loaded = load_tokenizer(tmp_path)
    assert loaded.vocabulary == VOCABULARY
    assert (loaded.lowercase, loaded.strip_accents, loaded.split_chinese) == (
        saved.lowercase, saved.strip_accents, saved.split_chinese
    )  # fmt: skip
    assert loaded.tokenize("AB É") == saved.tokenize("AB É")


def test_directories_without_a_vocabulary_are_named(tmp_path):
    for nowhere in ("nowhere", "x" * 300):
        with pytest.raises(InputError, match=f"{nowhere}: no such directory"):
            load_tokenizer(tmp_path / nowhere)
    with pytest.raises(InputError, match="no vocabulary"):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize("damage", [
    {"normalizer": None}, {"normalizer": []}, {"normalizer": "lower"}, {"normalizer": {"type": "Sequence"}},
    {"normalizer": {"type": "BertNormalizer", "lowercase": "no"}},
    {"model": {"type": "WordPiece", "vocab": {"a": 0, "b": "1"}}},
    {"model": {"type": "WordPiece", "vocab": {"a": 0, "b": None}}},
    {"model": {"type": "WordPiece", "vocab": {"a": False, "b": True}}},
])  # fmt: skip
def test_a_tokenizer_file_of_another_kind_is_refused(tmp_path, damage):
    whole = {
        "normalizer": {"type": "BertNormalizer", "lowercase": False},
        "model": {"type": "WordPiece", "vocab": {piece: number for number, piece in enumerate(VOCABULARY)}},
    }
    (tmp_path / "tokenizer.json").write_text(json.dumps(whole))
    assert load_tokenizer(tmp_path).vocabulary == VOCABULARY
    (tmp_path / "tokenizer.json").write_text(json.dumps(whole | damage))
    with pytest.raises(InputError, match=r"tokenizer\.json"):
        load_tokenizer(tmp_path)


def test_a_tokenizer_s_switches_are_true_or_false(tmp_path):
    save_tokenizer(tmp_path, WordPieceTokenizer(VOCABULARY))
    (tmp_path / "tokenizer_config.json").write_text('{"do_lower_case": "no"}')
    with pytest.raises(InputError, match=r"tokenizer_config\.json: do_lower_case is 'no'"):
        load_tokenizer(tmp_path)


def test_a_vocabulary_that_is_larger_than_the_embeddings_does_not_fit():
    config = BertConfig(11, 6, 2, 2, 5)
    check_vocabulary_fits(WordPieceTokenizer(VOCABULARY), config, "here")
    with pytest.raises(InputError, match="here: the vocabulary has 8 pieces, but the model has embeddings for 7"):
        check_vocabulary_fits(WordPieceTokenizer(VOCABULARY), config.replace(vocab_size=7), "here")


WHOLE = {
    "normalizer": {"type": "BertNormalizer", "lowercase": False},
    "model": {"type": "WordPiece", "vocab": {piece: number for number, piece in enumerate(VOCABULARY)}},
}


@pytest.mark.parametrize("changed", [
    {"pre_tokenizer": {"type": "Whitespace"}}, {"pre_tokenizer": None},
    {"model": WHOLE["model"] | {"continuing_subword_prefix": "@@"}},
    {"model": WHOLE["model"] | {"max_input_chars_per_word": 200}}, {"model": WHOLE["model"] | {"unk_token": "a"}},
    {"normalizer": WHOLE["normalizer"] | {"clean_text": False}},
    {"added_tokens": [{"id": 4, "content": "[MASK]"}, {"id": 8, "content": "<e1>"}]},
])  # fmt: skip
def test_a_tokenizer_file_that_cuts_texts_otherwise_is_refused(tmp_path, changed):
    usual = {
        "pre_tokenizer": {"type": "BertPreTokenizer"}, "added_tokens": [{"id": 4, "content": "[MASK]"}],
        "model": WHOLE["model"] | {"continuing_subword_prefix": "##", "max_input_chars_per_word": 100},
    }  # fmt: skip
    (tmp_path / "tokenizer.json").write_text(json.dumps(WHOLE | usual))
    assert load_tokenizer(tmp_path).vocabulary == VOCABULARY
    (tmp_path / "tokenizer.json").write_text(json.dumps(WHOLE | usual | changed))
    with pytest.raises(InputError, match=r"tokenizer\.json"):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize(("name", "content"), [
    ("added_tokens.json", {"covid19": 8}),
    ("tokenizer_config.json", {"added_tokens_decoder": {"8": {"content": "<e1>"}}}),
])  # fmt: skip
def test_tokens_that_were_added_to_a_vocabulary_are_not_passed_over(tmp_path, name, content):
    save_tokenizer(tmp_path, WordPieceTokenizer(VOCABULARY))
    (tmp_path / name).write_text(json.dumps(content))
    with pytest.raises(InputError, match=rf"{name}: the token '(covid19|<e1>)' was added to the vocabulary"):
        load_tokenizer(tmp_path)
    (tmp_path / name).write_text(json.dumps({"[MASK]": 4} if name == "added_tokens.json" else {
        "added_tokens_decoder": {"4": {"content": "[MASK]"}}
    }))  # fmt: skip
    load_tokenizer(tmp_path)


@pytest.mark.parametrize("before", [None, ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "z"]])
def test_a_crash_at_any_instant_leaves_a_whole_tokenizer_or_none(tmp_path, monkeypatch, before):
    """The process dies before its first, second ... change of a file, until it lives through all."""
    saved = WordPieceTokenizer(VOCABULARY, lowercase=False)
    old = None if before is None else WordPieceTokenizer(before)
    for changes in range(10):
        directory = tmp_path / str(changes)
        directory.mkdir()
        if old is not None:
            save_tokenizer(directory, old)
        died = dies_after(changes, monkeypatch, lambda: save_tokenizer(directory, saved))  # noqa: B023
        try:
            loaded = load_tokenizer(directory)
        except InputError as error:
            assert "holds no vocabulary" in str(error)
        else:
            whole = [each.fingerprint for each in (old, saved) if each is not None]
            assert loaded.fingerprint in whole
        if not died:
            break
    assert changes >= 2
    assert loaded.fingerprint == saved.fingerprint
