"""``tokenizer.json`` of WordPiece: the file that the Rust library would write, and what transformers does with it."""

import json
from itertools import pairwise
from pathlib import Path

import pytest

from bert.checkpoints.vocabulary import load_tokenizer, load_tokenizer_json, save_tokenizer
from bert.checkpoints.wordpiece_json import wordpiece_json
from bert.tokenization.added_tokens import AddedToken
from bert.tokenization.special_tokens import SPECIAL_TOKENS
from bert.tokenization.wordpiece import WordPieceTokenizer
from tests.bert.tokenization.test_wordpiece import CONFIGURATIONS, FROZEN_CONFIGURATIONS, VECTORS, VOCABULARY

ADDED = [AddedToken("[MASK]", lstrip=True), AddedToken("<e1>", rstrip=True), AddedToken("covid", False, True)]


def texts() -> list[str]:
    return sorted({case["text"] for case in VECTORS["agreement"]})


def directories(tmp_path: Path, tokenizer: WordPieceTokenizer) -> dict[str, Path]:
    """A tokenizer's directory as we write it; the same with vocab.txt alone, or tokenizer.json alone."""
    removed = {"whole": None, "vocab": "tokenizer.json", "json": "vocab.txt"}
    for name, file in removed.items():
        save_tokenizer(tmp_path / name, tokenizer, max_length=503)
        if file is not None:
            (tmp_path / name / file).unlink()
    return {name: tmp_path / name for name in removed}


@pytest.mark.parametrize("options", CONFIGURATIONS)
@pytest.mark.parametrize("added", [[], ADDED])
def test_each_of_the_two_files_is_enough_and_says_the_same(tmp_path, options, added):
    tokenizer = WordPieceTokenizer(VOCABULARY, *options, added_tokens=added)
    for directory in directories(tmp_path, tokenizer).values():
        loaded = load_tokenizer(directory)
        assert loaded.vocabulary == tokenizer.vocabulary
        assert sorted(loaded.added_tokens, key=str) == sorted(tokenizer.added_tokens, key=str)
        assert [loaded.encode(text) for text in texts()] == [tokenizer.encode(text) for text in texts()]
        if not added:
            assert loaded.fingerprint == tokenizer.fingerprint
    alone = load_tokenizer_json(tmp_path / "whole" / "tokenizer.json")
    assert alone.encode("a <e1> covid [MASK]") == tokenizer.encode("a <e1> covid [MASK]")


@pytest.mark.parametrize("more", [["a", "b", "a"], ["a", "b "], ["a", "", ""]])
def test_a_vocabulary_that_the_format_cannot_say_stays_in_its_own_file(tmp_path, more):
    save_tokenizer(tmp_path, WordPieceTokenizer([*SPECIAL_TOKENS, "z"]))
    tokenizer = WordPieceTokenizer([*SPECIAL_TOKENS, *more, "z"])
    assert wordpiece_json(tokenizer) is None
    save_tokenizer(tmp_path, tokenizer)
    assert not (tmp_path / "tokenizer.json").exists()
    assert load_tokenizer(tmp_path).encode("a z") == tokenizer.encode("a z")


def test_white_space_as_a_piece_is_there_too_as_in_googles_chinese_vocabulary(tmp_path):
    tokenizer = WordPieceTokenizer([*SPECIAL_TOKENS, "\u2028", "", "a"])
    for directory in directories(tmp_path, tokenizer).values():
        assert load_tokenizer(directory).fingerprint == tokenizer.fingerprint


def test_other_programs_learn_the_longest_input_and_the_special_tokens(tmp_path):
    save_tokenizer(tmp_path, WordPieceTokenizer(VOCABULARY, added_tokens=ADDED), max_length=503)
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    special = json.loads((tmp_path / "special_tokens_map.json").read_text())
    assert (config["model_max_length"], config["tokenizer_class"]) == (503, "BertTokenizer")
    assert special.items() <= config.items()
    assert (special["mask_token"], special["additional_special_tokens"]) == ("[MASK]", ["<e1>"])


@pytest.mark.peers
@pytest.mark.parametrize("options", CONFIGURATIONS)
def test_the_file_is_what_the_rust_library_writes_for_berts_tokenizer(options):
    tokenizers = pytest.importorskip("tokenizers")
    lowercase, _, split_chinese = options
    ours = WordPieceTokenizer(VOCABULARY, *options)
    theirs = tokenizers.BertWordPieceTokenizer(
        {piece: token_id for token_id, piece in enumerate(VOCABULARY)},
        lowercase=lowercase, strip_accents=ours.strip_accents, handle_chinese_chars=split_chinese,
    )  # fmt: skip
    expected = json.loads(theirs.to_str())
    assert expected.pop("post_processor")["type"] == "BertProcessing"  # the older name of the same
    assert {name: value for name, value in wordpiece_json(ours).items() if name != "post_processor"} == expected


@pytest.mark.peers
@pytest.mark.parametrize("options", FROZEN_CONFIGURATIONS)
@pytest.mark.parametrize("added", [[], ADDED])
def test_tokenizers_and_transformers_give_our_ids_and_offsets_without_a_warning(tmp_path, options, added, caplog):
    rust, auto = pytest.importorskip("tokenizers").Tokenizer, pytest.importorskip("transformers").AutoTokenizer
    ours = WordPieceTokenizer(VOCABULARY, *options, added_tokens=added)
    found = directories(tmp_path, ours)
    for directory in found.values():
        (directory / "config.json").write_text('{"model_type": "bert"}')
    whole = rust.from_file(str(found["whole"] / "tokenizer.json"))
    loaded = [auto.from_pretrained(directory) for directory in found.values()]
    assert all(theirs.is_fast and theirs.model_max_length == 503 for theirs in loaded)
    several = [*texts(), "[CLS] a <e1> covid19 [MASK] <E1>Covid[SEP]"]
    for first, second in pairwise(several):
        encoding = ours(first, second)
        one = whole.encode(first, second)
        assert (encoding.input_ids, encoding.token_type_ids) == (one.ids, one.type_ids), ascii(first)
        assert ours.pieces(first).offsets == whole.encode(first, add_special_tokens=False).offsets, ascii(first)
    for theirs in loaded:
        batch = theirs(several, return_offsets_mapping=True)
        for text, ids, offsets in zip(several, batch["input_ids"], batch["offset_mapping"]):
            assert ours(text).input_ids == ids, ascii(text)
            assert [each or (0, 0) for each in ours(text).offsets] == [tuple(each) for each in offsets], ascii(text)
    assert not caplog.records
