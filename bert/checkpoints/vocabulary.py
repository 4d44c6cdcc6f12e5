"""A tokenizer's files in a checkpoint's directory: the vocabulary and its settings.

File names and keys are Hugging Face's. So transformers reads what we write, and we read what it writes.
"""

import json
import os
import warnings
from pathlib import Path
from typing import Any

from bert.checkpoints.added_tokens import with_added_tokens
from bert.checkpoints.google.letter_case import is_lowercased
from bert.checkpoints.sentencepiece_json import sentencepiece_json
from bert.checkpoints.tokenizer_config import read_tokenizer_config, special_tokens_map, tokenizer_config
from bert.checkpoints.tokenizer_json import read_tokenizer_json
from bert.checkpoints.wordpiece_json import wordpiece_json
from bert.config import BertConfig
from bert.errors import InputError
from bert.files.whole import remove_unless, write_atomically
from bert.tokenization.sentencepiece.tokenizer import SentencePieceTokenizer
from bert.tokenization.tokenizer import Tokenizer
from bert.tokenization.vocabulary_file import read_vocabulary
from bert.tokenization.wordpiece import WordPieceTokenizer

# Our names of the switches, and theirs in tokenizer_config.json and in the normalizer of tokenizer.json.
_SWITCHES = {"lowercase": "do_lower_case", "strip_accents": "strip_accents", "split_chinese": "tokenize_chinese_chars"}
_NORMALIZER = {"lowercase": "lowercase", "strip_accents": "strip_accents", "split_chinese": "handle_chinese_chars"}


def save_tokenizer(directory: str | Path, tokenizer: Tokenizer, max_length: int | None = None) -> None:
    """Writes the vocabulary and its settings, in files that transformers and the library ``tokenizers`` read too.

    WordPiece's ``vocab.txt`` and ``tokenizer.json`` hold the same pieces, and either is enough to load. So both come
    after the settings, and go before other settings come. Of SentencePiece ``spm.model`` is ours, and comes last;
    ``tokenizer.json`` is for transformers. A tokenizer of which this file would say something else has none.

    Args:
        max_length: the most tokens that the model reads. Other programs cut texts there.
    """
    directory = Path(directory)
    if isinstance(tokenizer, SentencePieceTokenizer):
        content, vocabulary, name = sentencepiece_json(tokenizer), tokenizer.model_bytes, "spm.model"
        if content is None:
            warnings.warn(
                f"{directory}: this SentencePiece model has settings that tokenizer.json cannot say, so transformers' "
                "AutoTokenizer does not load it; use bert.load_tokenizer",
                stacklevel=2,
            )
            write_atomically(directory / name, vocabulary)
            return
    elif isinstance(tokenizer, WordPieceTokenizer):
        content, name = wordpiece_json(tokenizer), "vocab.txt"
        vocabulary = "".join(f"{piece}\n" for piece in tokenizer.vocabulary[: tokenizer.pieces_in_words])
    else:
        raise TypeError(f"no file format is known for a {type(tokenizer).__name__}")
    whole = None if content is None else json.dumps(content, ensure_ascii=False) + "\n"
    settings = {
        "tokenizer_config.json": tokenizer_config(tokenizer, max_length),
        "special_tokens_map.json": special_tokens_map(tokenizer),
    }
    remove_unless(directory / name, vocabulary)
    remove_unless(directory / "tokenizer.json", whole)
    for file, values in settings.items():
        write_atomically(directory / file, json.dumps(values, indent=2, ensure_ascii=False) + "\n")
    if whole is not None:
        write_atomically(directory / "tokenizer.json", whole)
    write_atomically(directory / name, vocabulary)


def load_tokenizer(directory: str | Path) -> Tokenizer:
    """The tokenizer of one of our runs or of a Hugging Face BERT directory.

    It is read from ``spm.model``. Else from ``tokenizer.json``, the single file of later versions of transformers. Else
    from ``vocab.txt``. As in transformers, ``tokenizer.json`` counts before ``vocab.txt``, which may lack tokens that
    were added later. Settings and further tokens come from ``tokenizer_config.json`` and its neighbours. Without that
    file the vocabulary shows whether texts are lower-cased, and a warning says so.

    Raises an InputError if none is there, one is damaged, two contradict each other, or one asks for steps that we do
    not have.
    """
    directory = Path(directory)
    check_is_directory(directory)
    if (directory / "spm.model").exists():
        return SentencePieceTokenizer.from_file(directory / "spm.model")
    config_file, file = directory / "tokenizer_config.json", directory / "tokenizer.json"
    if not file.exists() and not (directory / "vocab.txt").exists():
        raise InputError(f"{directory}: holds no vocabulary; vocab.txt, spm.model or tokenizer.json was expected there")
    settings, added_tokens = read_tokenizer_config(directory)
    switches = _switches(settings, _SWITCHES, config_file)
    if not file.exists():
        pieces = read_vocabulary(directory / "vocab.txt")
        if not config_file.exists():
            switches["lowercase"] = is_lowercased(pieces, directory)
        return with_added_tokens(pieces, added_tokens, **switches)
    read = read_tokenizer_json(file)
    _check_same_pieces(directory / "vocab.txt", read.vocabulary, file)
    in_file = _switches(read.normalizer, _NORMALIZER, file)
    switches = in_file | switches
    meant, said = _effective(switches), _effective(in_file)
    for ours, name in _SWITCHES.items():
        if meant[ours] != said[ours]:
            raise InputError(
                f"{config_file}: {name} is {meant[ours]}, but in {file} {_NORMALIZER[ours]} is {said[ours]}; make the "
                f"two the same, as the model was trained"
            )
    return with_added_tokens(read.vocabulary, added_tokens + read.added_tokens, **switches)


def load_tokenizer_json(path: str | Path) -> Tokenizer:
    """The tokenizer in a ``tokenizer.json`` alone. Raises an InputError if it is damaged, or not BERT's."""
    read = read_tokenizer_json(Path(path))
    return with_added_tokens(read.vocabulary, read.added_tokens, **_switches(read.normalizer, _NORMALIZER, Path(path)))


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
        raise InputError(
            f"{directory}: no such directory; a checkpoint's directory was expected (--checkpoint, RUN), and "
            "docs/checkpoints.md says where to get one"
        )


def _check_same_pieces(path: Path, pieces: list[str], file: Path) -> None:
    """Raises an InputError if ``vocab.txt`` has other pieces than ``tokenizer.json``. It may lack the last ones."""
    if not path.exists():
        return
    listed = read_vocabulary(path)
    if different := [place for place, (one, other) in enumerate(zip(listed, pieces)) if one != other]:
        place = different[0]
        said = f"line {place + 1} is {listed[place][:40]!r}, but in {file.name} piece {place} is {pieces[place][:40]!r}"
    elif len(listed) > len(pieces):
        said = f"it has {len(listed):,} pieces, but {file.name} has {len(pieces):,}"
    else:
        return
    raise InputError(f"{path}: {said}; remove the file of the two that is not the model's")


def _switches(settings: dict[str, Any], names: dict[str, str], path: Path) -> dict[str, bool | None]:
    """The switches that a file sets, by our names."""
    switches = {ours: settings[name] for ours, name in names.items() if name in settings}
    for ours, value in switches.items():
        if not isinstance(value, bool) and (value is not None or ours != "strip_accents"):
            raise InputError(f"{path}: {names[ours]} is {str(value)[:80]!r}; true or false was expected")
    return switches


def _effective(switches: dict[str, bool | None]) -> dict[str, bool | None]:
    """All switches. Accents that nobody mentions are stripped if text is lower-cased."""
    lowercase, strip_accents = switches.get("lowercase", True), switches.get("strip_accents")
    split_chinese = switches.get("split_chinese", True)
    return {
        "lowercase": lowercase,
        "strip_accents": lowercase if strip_accents is None else strip_accents,
        "split_chinese": split_chinese,
    }
