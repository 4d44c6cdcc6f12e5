"""A tokenizer's files: what is written comes back, and damage is named."""

import json

import pytest

from bert.checkpoints.vocabulary import check_vocabulary_fits, load_tokenizer, load_tokenizer_json, save_tokenizer
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
        with pytest.raises(InputError, match=f"{nowhere}: no such directory.*docs/checkpoints.md"):
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
    {"added_tokens": [{"id": 4, "content": "[MASK]"}, {"id": 9, "content": "<e1>"}]},
    {"added_tokens": [{"id": 4}]}, {"added_tokens": {"[MASK]": 4}},
    {"added_tokens": [{"id": 4, "content": "[MASK]", "lstrip": "no"}]}, {"added_tokens": [{"id": "4", "content": "a"}]},
    {"post_processor": {"type": "RobertaProcessing"}}, {"post_processor": {"type": "TemplateProcessing", "single": []}},
    {"post_processor": {"type": "BertProcessing", "cls": ["a", 5], "sep": ["[SEP]", 3]}},
    {"model": {"vocab": WHOLE["model"]["vocab"], "merges": []}}, {"model": {"vocab": WHOLE["model"]["vocab"]}},
    {"model": WHOLE["model"] | {"vocab": WHOLE["model"]["vocab"] | {"b\n": 8}}},
    {"model": WHOLE["model"] | {"vocab": WHOLE["model"]["vocab"] | {"b ": 8}}},
    {"model": WHOLE["model"] | {"vocab": WHOLE["model"]["vocab"] | {"b": 7}}},
    {"model": WHOLE["model"] | {"vocab": WHOLE["model"]["vocab"] | {"b": 10**9}}},
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


def test_an_old_tokenizer_file_that_names_no_kind_of_model_is_read(tmp_path):
    model = {"unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100}
    (tmp_path / "tokenizer.json").write_text(json.dumps(WHOLE | {"model": model | {"vocab": WHOLE["model"]["vocab"]}}))
    assert load_tokenizer(tmp_path).vocabulary == VOCABULARY
    assert load_tokenizer_json(tmp_path / "tokenizer.json").encode("ab") == [5, 6]


def test_an_id_without_a_piece_stays_free(tmp_path):
    vocab = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, "\u2028": 6, "a": 8}
    (tmp_path / "tokenizer.json").write_text(json.dumps(WHOLE | {"model": {"type": "WordPiece", "vocab": vocab}}))
    loaded = load_tokenizer(tmp_path)
    assert loaded.encode("a") == [8]
    save_tokenizer(tmp_path / "saved", loaded)
    assert load_tokenizer(tmp_path / "saved").vocabulary == loaded.vocabulary


def test_a_tokenizer_file_counts_before_a_stale_vocabulary(tmp_path):
    save_tokenizer(tmp_path, WordPieceTokenizer(VOCABULARY, lowercase=False))
    added = [{"id": 8, "content": "covid", "special": False}]
    (tmp_path / "tokenizer.json").write_text(json.dumps(WHOLE | {"added_tokens": added}))
    assert load_tokenizer(tmp_path).tokenize("a covid") == ["a", "covid"]


@pytest.mark.parametrize(("key", "value", "message"), [
    ("do_lower_case", True, r"do_lower_case is True, but in .*tokenizer\.json lowercase is False"),
    ("strip_accents", True, r"strip_accents is True, but in .*tokenizer\.json strip_accents is False"),
    ("tokenize_chinese_chars", False, r"tokenize_chinese_chars is False, but in .* handle_chinese_chars is True"),
])  # fmt: skip
def test_two_files_that_contradict_each_other_are_both_named(tmp_path, key, value, message):
    (tmp_path / "tokenizer.json").write_text(json.dumps(WHOLE))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": False, "strip_accents": None}))
    assert load_tokenizer(tmp_path).lowercase is False
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": False} | {key: value}))
    with pytest.raises(InputError, match=message):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize(("name", "content", "message"), [
    ("tokenizer_config.json", {"tokenizer_class": "BertJapaneseTokenizer"}, "is 'BertJapaneseTokenizer'"),
    ("config.json", {"tokenizer_class": "BertJapaneseTokenizer"}, "is 'BertJapaneseTokenizer'"),
    ("tokenizer_config.json", {"word_tokenizer_type": "mecab"}, "word_tokenizer_type is 'mecab'"),
    ("tokenizer_config.json", {"subword_tokenizer_type": "character"}, "subword_tokenizer_type is 'character'"),
    ("tokenizer_config.json", {"do_basic_tokenize": False}, "do_basic_tokenize is 'False'"),
    ("tokenizer_config.json", {"mask_token": "<mask>"}, "mask_token is '<mask>'; only '\\[MASK\\]'"),
    ("special_tokens_map.json", {"cls_token": {"content": "<s>"}}, "cls_token is '<s>'"),
    ("tokenizer_config.json", {"additional_special_tokens": "[E1]"}, "a list of tokens was expected"),
    ("tokenizer_config.json", {"additional_special_tokens": [8]}, "has the added token 8"),
    ("tokenizer_config.json", {"added_tokens_decoder": [8]}, "added_tokens_decoder is"),
    ("tokenizer_config.json", {"added_tokens_decoder": {"x": {"content": "e"}}}, "has the id 'x'"),
    ("tokenizer_config.json", {"added_tokens_decoder": {"9": {"content": "e"}}}, "the id 9, but .* it is 8"),
    ("added_tokens.json", {"e": 9}, "the id 9, but beside this vocabulary it is 8"),
])  # fmt: skip
def test_settings_of_another_tokenizer_are_refused_by_name(tmp_path, name, content, message):
    (tmp_path / "vocab.txt").write_text("\n".join(VOCABULARY), encoding="utf-8")
    (tmp_path / name).write_text(json.dumps(content))
    with pytest.raises(InputError, match=message) as caught:
        load_tokenizer(tmp_path)
    assert name in str(caught.value)


ADDED = [
    ("added_tokens.json", {"<e1>": 8}),
    ("tokenizer_config.json", {"added_tokens_decoder": {"8": {"content": "<e1>", "special": True}}}),
    ("tokenizer_config.json", {"additional_special_tokens": ["<e1>", "b"]}),
    ("tokenizer_config.json", {"extra_special_tokens": {"entity_token": "<e1>"}}),
    ("special_tokens_map.json", {"extra_special_tokens": [{"content": "<e1>", "lstrip": True}]}),
]


@pytest.mark.parametrize(("name", "content"), ADDED)
def test_tokens_that_were_added_to_a_vocabulary_stay_whole_and_go_with_it(tmp_path, name, content):
    (tmp_path / "vocab.txt").write_text("\n".join(VOCABULARY), encoding="utf-8")
    assert load_tokenizer(tmp_path).encode("a <e1>") == [5, 1, 1, 1]  # the control
    (tmp_path / name).write_text(json.dumps(content))
    loaded = load_tokenizer(tmp_path)
    assert loaded.encode("a<e1>") == [5, 8]
    save_tokenizer(tmp_path / "saved", loaded)
    saved = load_tokenizer(tmp_path / "saved")
    assert (saved.vocabulary, saved.added_tokens) == (loaded.vocabulary, loaded.added_tokens)


@pytest.mark.peers
@pytest.mark.parametrize(("name", "content"), ADDED)
def test_transformers_has_the_same_ids_and_reads_what_we_save(tmp_path, name, content):
    transformers = pytest.importorskip("transformers")
    (tmp_path / "vocab.txt").write_text("\n".join(VOCABULARY), encoding="utf-8")
    (tmp_path / name).write_text(json.dumps(content))
    ours = load_tokenizer(tmp_path)
    save_tokenizer(tmp_path / "saved", ours)
    for directory in (tmp_path, tmp_path / "saved"):
        theirs = transformers.BertTokenizer.from_pretrained(directory)
        for text in ("a<e1>b", "A <E1> ab[MASK]", "b b<e1><e1>"):
            assert theirs(text)["input_ids"] == ours(text).input_ids, text
    theirs.add_tokens(["covid19"])  # and back
    theirs.save_pretrained(tmp_path / "theirs")
    again = load_tokenizer(tmp_path / "theirs")
    assert theirs("a COVID19<e1>")["input_ids"] == again("a COVID19<e1>").input_ids
    assert again.tokenize("COVID19") == ["covid19"]


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
