"""A tokenizer's files in a checkpoint's directory: the vocabulary and its settings.

File names and keys are Hugging Face's. So transformers reads what we write, and we read what it writes.
"""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from bert.config import BertConfig
from bert.errors import InputError
from bert.files.whole import read_json_object, remove_unless, write_atomically
from bert.tokenization.sentencepiece.tokenizer import SentencePieceTokenizer
from bert.tokenization.special_tokens import SPECIAL_TOKENS, UNK
from bert.tokenization.tokenizer import Tokenizer
from bert.tokenization.wordpiece import CONTINUATION, MAX_WORD_LENGTH, WordPieceTokenizer

Default = TypeVar("Default")


def save_tokenizer(directory: str | Path, tokenizer: Tokenizer) -> None:
    """Writes the vocabulary and its settings. The vocabulary comes last: without it, nothing is there to load."""
    directory = Path(directory)
    if isinstance(tokenizer, SentencePieceTokenizer):
        write_atomically(directory / "spm.model", tokenizer.model_bytes)
        return
    if not isinstance(tokenizer, WordPieceTokenizer):
        raise TypeError(f"no file format is known for a {type(tokenizer).__name__}")
    settings = {
        "tokenizer_class": "BertTokenizer",
        "do_lower_case": tokenizer.lowercase,
        "strip_accents": tokenizer.strip_accents,
        "tokenize_chinese_chars": tokenizer.split_chinese,
    }
    vocabulary = "".join(f"{piece}\n" for piece in tokenizer.vocabulary)
    remove_unless(directory / "vocab.txt", vocabulary)
    write_atomically(directory / "tokenizer_config.json", json.dumps(settings, indent=2) + "\n")
    write_atomically(directory / "vocab.txt", vocabulary)


def load_tokenizer(directory: str | Path) -> Tokenizer:
    """The tokenizer of one of our runs or of a Hugging Face BERT directory.

    It is read from ``spm.model``. Else from ``vocab.txt``, with the settings of ``tokenizer_config.json``. Else from
    ``tokenizer.json``, the single file of later versions of transformers.

    Raises an InputError if none is there, one is damaged, or it asks for steps that we do not have.
    """
    directory = Path(directory)
    check_is_directory(directory)
    if (directory / "spm.model").exists():
        return SentencePieceTokenizer.from_file(directory / "spm.model")
    if (directory / "vocab.txt").exists():
        return _read_vocab_txt(directory)
    if (directory / "tokenizer.json").exists():
        return _read_tokenizer_json(directory / "tokenizer.json")
    raise InputError(f"{directory}: holds no vocabulary; vocab.txt, spm.model or tokenizer.json was expected there")


def check_vocabulary_fits(tokenizer: Tokenizer, config: BertConfig, source: str | Path) -> None:
    """Raises an InputError if the tokenizer has ids without embeddings in the model.

    More embeddings than pieces are fine: some published models round their number up.
    """
    if tokenizer.vocab_size > config.vocab_size:
        raise InputError(
            f"{source}: the vocabulary has {tokenizer.vocab_size:,} pieces, but the model has embeddings for "
            f"{config.vocab_size:,}: they do not belong together; use the vocabulary that the model was trained with"
        )


def check_is_directory(directory: Path) -> None:
    """Raises an InputError if there is no such directory."""
    if not os.path.isdir(directory):  # Path.is_dir raises if a name is too long
        raise InputError(f"{directory}: no such directory; a checkpoint's directory was expected (--checkpoint, RUN)")


def _read_vocab_txt(directory: Path) -> WordPieceTokenizer:
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


def _read_tokenizer_json(path: Path) -> WordPieceTokenizer:
    settings = {"pre_tokenizer": {"type": "BertPreTokenizer"}} | read_json_object(path)
    model = _component(settings, "model", "WordPiece", path)
    normalizer = _component(settings, "normalizer", "BertNormalizer", path)
    _component(settings, "pre_tokenizer", "BertPreTokenizer", path)
    ids = model.get("vocab")
    if not isinstance(ids, dict) or not all(type(token_id) is int for token_id in ids.values()):
        raise InputError(f"{path}: its model has no vocab of pieces and ids")
    if sorted(ids.values()) != list(range(len(ids))):
        raise InputError(f"{path}: the ids of its vocab do not run from 0 without a gap")
    for component, name, expected in (
        (model, "continuing_subword_prefix", CONTINUATION), (model, "max_input_chars_per_word", MAX_WORD_LENGTH),
        (model, "unk_token", UNK), (normalizer, "clean_text", True),
    ):  # fmt: skip
        if component.get(name, expected) != expected:
            raise InputError(f"{path}: {name} is {component[name]!r}; only {expected!r} is known here")
    added = settings.get("added_tokens")
    _refuse_added_tokens(added if isinstance(added, list) else (), path)
    return WordPieceTokenizer(
        sorted(ids, key=ids.__getitem__),
        lowercase=_switch(normalizer, "lowercase", True, path),
        strip_accents=_switch(normalizer, "strip_accents", None, path),
        split_chinese=_switch(normalizer, "handle_chinese_chars", True, path),
    )


def _component(settings: dict[str, Any], name: str, kind: str, path: Path) -> dict[str, Any]:
    """A component of a ``tokenizer.json``; raises an InputError if it is not of BERT's kind."""
    component = settings.get(name)
    if not isinstance(component, dict) or component.get("type") != kind:
        raise InputError(f"{path}: its {name} is not BERT's ({kind}), and no other is known here")
    return component


def _refuse_added_tokens(tokens: Iterable, path: Path) -> None:
    """Raises an InputError if a token is not a special token: we do not search texts for others before splitting.

    Args:
        tokens: strings, or dictionaries with one as "content".
    """
    for token in tokens:
        token = token.get("content") if isinstance(token, dict) else token
        if token not in SPECIAL_TOKENS:
            raise InputError(
                f"{path}: the token {token!r} was added to the vocabulary, to be found in texts before they are split; "
                f"this is not known here; if your texts do without it, take its entry out of the file"
            )


def _switch(settings: dict[str, Any], name: str, default: Default, path: Path) -> bool | Default:
    value = settings.get(name, default)
    if value is not default and not isinstance(value, bool):
        raise InputError(f"{path}: {name} is {value!r}; true or false was expected")
    return value
