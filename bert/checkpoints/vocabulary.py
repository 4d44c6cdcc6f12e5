"""A tokenizer's files in a checkpoint's directory: its vocabulary, and the settings that go with it.

Their names and keys are Hugging Face's, so that what is written here is read there, and the other way round.
"""

import json
import os
from collections.abc import Iterable
from pathlib import Path

from bert.config import BertConfig
from bert.errors import InputError
from bert.files.whole import read_json_object, write_atomically
from bert.tokenization.sentencepiece.tokenizer import SentencePieceTokenizer
from bert.tokenization.special_tokens import SPECIAL_TOKENS, UNK
from bert.tokenization.tokenizer import Tokenizer
from bert.tokenization.wordpiece import CONTINUATION, MAX_WORD_LENGTH, WordPieceTokenizer


def save_tokenizer(directory: str | Path, tokenizer: Tokenizer) -> None:
    """Writes the vocabulary and the settings that go with it."""
    directory = Path(directory)
    if isinstance(tokenizer, SentencePieceTokenizer):
        write_atomically(directory / "spm.model", tokenizer.model_bytes)
        return
    settings = {
        "tokenizer_class": "BertTokenizer",
        "do_lower_case": tokenizer.lowercase,
        "strip_accents": tokenizer.strip_accents,
        "tokenize_chinese_chars": tokenizer.split_chinese,
    }
    write_atomically(directory / "vocab.txt", "".join(f"{piece}\n" for piece in tokenizer.vocabulary))
    write_atomically(directory / "tokenizer_config.json", json.dumps(settings, indent=2) + "\n")


def load_tokenizer(directory: str | Path) -> Tokenizer:
    """The tokenizer of a run of ours or of a Hugging Face BERT directory.

    Reads ``spm.model``, or ``vocab.txt`` with the settings of ``tokenizer_config.json``, or ``tokenizer.json``, the
    single file that later versions of transformers write instead.

    Raises:
        InputError: where there is none of them, or it is damaged, or says that texts are cut otherwise than here.
    """
    directory = Path(directory)
    check_is_directory(directory)
    if (directory / "spm.model").exists():
        return SentencePieceTokenizer.from_file(directory / "spm.model")
    if (directory / "vocab.txt").exists():
        settings_file, added_file = directory / "tokenizer_config.json", directory / "added_tokens.json"
        settings = read_json_object(settings_file) if settings_file.exists() else {}
        added = settings.get("added_tokens_decoder")
        _refuse_added_tokens(added.values() if isinstance(added, dict) else (), settings_file)
        _refuse_added_tokens(read_json_object(added_file) if added_file.exists() else (), added_file)
        return WordPieceTokenizer.from_file(
            directory / "vocab.txt",
            lowercase=_switch(settings, "do_lower_case", True, settings_file),
            strip_accents=_switch(settings, "strip_accents", None, settings_file),
            split_chinese=_switch(settings, "tokenize_chinese_chars", True, settings_file),
        )
    if (directory / "tokenizer.json").exists():
        return _read_tokenizer_json(directory / "tokenizer.json")
    raise InputError(f"{directory}: holds no vocabulary; vocab.txt, spm.model or tokenizer.json was expected there")


def check_vocabulary_fits(tokenizer: Tokenizer, config: BertConfig, source: str | Path) -> None:
    """Raises an InputError where the tokenizer has ids that the model has no embeddings for.

    Fewer pieces than embeddings are no harm: some published models round their number up.
    """
    if tokenizer.vocab_size > config.vocab_size:
        raise InputError(
            f"{source}: the vocabulary has {tokenizer.vocab_size:,} pieces, but the model has embeddings for "
            f"{config.vocab_size:,}: they do not belong together; use the vocabulary that the model was trained with"
        )


def check_is_directory(directory: Path) -> None:
    """Raises an InputError where there is no such directory to read a checkpoint from."""
    if not os.path.isdir(directory):  # Path.is_dir raises where a name is too long
        raise InputError(f"{directory}: no such directory; a checkpoint's directory was expected (--checkpoint, RUN)")


def _read_tokenizer_json(path: Path) -> WordPieceTokenizer:
    settings = read_json_object(path)
    model, normalizer = settings.get("model"), settings.get("normalizer")
    vocabulary = model.get("vocab") if isinstance(model, dict) and model.get("type") == "WordPiece" else None
    ids = list(vocabulary.values()) if isinstance(vocabulary, dict) else [None]
    if not all(type(number) is int for number in ids) or sorted(ids) != list(range(len(ids))):
        raise InputError(f"{path}: is not the file of a WordPiece tokenizer whose ids run from 0 without a gap")
    if not isinstance(normalizer, dict) or normalizer.get("type") != "BertNormalizer":
        raise InputError(f"{path}: its normalizer is not BERT's (type BertNormalizer), and no other is known here")
    splitter = settings.get("pre_tokenizer", {"type": "BertPreTokenizer"})
    if not isinstance(splitter, dict) or splitter.get("type") != "BertPreTokenizer":
        raise InputError(f"{path}: its pre_tokenizer is not BERT's (BertPreTokenizer), and no other is known here")
    for place, name, expected in (
        (model, "continuing_subword_prefix", CONTINUATION), (model, "max_input_chars_per_word", MAX_WORD_LENGTH),
        (model, "unk_token", UNK), (normalizer, "clean_text", True),
    ):  # fmt: skip
        if place.get(name, expected) != expected:
            raise InputError(f"{path}: {name} is {place[name]!r}; {expected!r} was expected, the only one known here")
    added = settings.get("added_tokens")
    _refuse_added_tokens(added if isinstance(added, list) else (), path)
    return WordPieceTokenizer(
        sorted(vocabulary, key=vocabulary.get),
        lowercase=_switch(normalizer, "lowercase", True, path),
        strip_accents=_switch(normalizer, "strip_accents", None, path),
        split_chinese=_switch(normalizer, "handle_chinese_chars", True, path),
    )


def _refuse_added_tokens(tokens: Iterable, path: Path) -> None:
    """
    Args:
        tokens: texts, or dictionaries that have one as "content".

    Raises:
        InputError: where one is none of the special tokens: it would have to be found in texts before they are split.
    """
    for token in tokens:
        token = token.get("content") if isinstance(token, dict) else token
        if token not in SPECIAL_TOKENS:
            raise InputError(
                f"{path}: the token {token!r} was added to the vocabulary, to be found in texts before they are split, "
                f"which is not known here; take its entry out of the file, if your texts do without it"
            )


def _switch(settings: dict, name: str, default: bool | None, path: Path) -> bool | None:
    value = settings.get(name, default)
    if value is not default and not isinstance(value, bool):
        raise InputError(f"{path}: {name} is {value!r}; true or false was expected")
    return value
