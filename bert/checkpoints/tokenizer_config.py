"""``tokenizer_config.json`` and the files that older versions of transformers wrote beside it."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from bert.checkpoints.added_tokens import Described, described_token
from bert.errors import InputError
from bert.files.json_objects import read_json_object
from bert.tokenization.special_tokens import CLS, MASK, PAD, SEP, UNK
from bert.tokenization.tokenizer import Tokenizer
from bert.tokenization.wordpiece import WordPieceTokenizer

# Tokenizers that split texts as BERT's does, without the suffix "Fast". The last two are named after no model.
_CLASSES = {
    "BertTokenizer", "ConvBertTokenizer", "DistilBertTokenizer", "ElectraTokenizer", "MobileBertTokenizer",
    "SqueezeBertTokenizer", "PreTrainedTokenizer", "TokenizersBackend",
}  # fmt: skip
_NAMED = {"pad_token": PAD, "unk_token": UNK, "cls_token": CLS, "sep_token": SEP, "mask_token": MASK}
# The settings of other tokenizers, and the value with which each changes nothing.
_ONLY: dict[str, Any] = {
    "word_tokenizer_type": "basic", "subword_tokenizer_type": "wordpiece", "do_word_tokenize": True,
    "do_subword_tokenize": True, "do_basic_tokenize": True, "never_split": [], "split_special_tokens": False,
}  # fmt: skip


def read_tokenizer_config(directory: Path) -> tuple[dict[str, Any], list[Described]]:
    """A directory's ``tokenizer_config.json``, and the added tokens of all files but ``tokenizer.json``.

    Raises an InputError if a file is damaged, or asks for another tokenizer than BERT's.
    """
    path, model_path = directory / "tokenizer_config.json", directory / "config.json"
    settings = read_json_object(path) if path.exists() else {}
    _check_class(settings.get("tokenizer_class"), path)
    if settings.get("tokenizer_class") is None and model_path.exists():  # some published models name it there
        _check_class(read_json_object(model_path).get("tokenizer_class"), model_path)
    for name, only in _ONLY.items():
        if settings.get(name) not in (None, only):
            raise InputError(
                f"{path}: {name} is {str(settings[name])[:80]!r}; only BERT's own tokenizer is known here ({only!r})"
            )
    tokens = _special_tokens(settings, path)
    decoder = settings.get("added_tokens_decoder")
    if isinstance(decoder, dict):  # as in transformers, the older files then count no more
        return settings, tokens + [
            described_token(token, int(number) if str(number).isdecimal() else number, path, special=False)
            for number, token in decoder.items()
        ]
    if decoder is not None:
        raise InputError(f"{path}: added_tokens_decoder is {str(decoder)[:80]}; an object by ids was expected")
    if (directory / "special_tokens_map.json").exists():
        path = directory / "special_tokens_map.json"
        tokens += _special_tokens(read_json_object(path), path)
    if (directory / "added_tokens.json").exists():
        path, special = directory / "added_tokens.json", {one.token.content for one in tokens}
        for content, number in read_json_object(path).items():
            tokens.append(described_token(content, number, path, special=content in special))
    return settings, tokens


def tokenizer_config(tokenizer: Tokenizer, max_length: int | None) -> dict[str, Any]:
    """The content of a ``tokenizer_config.json``, as transformers expects it.

    It describes every added token. So a ``special_tokens_map.json`` beside it adds none, neither here nor there.

    Args:
        max_length: the most tokens that the model reads; None: it is not said.
    """
    settings: dict[str, Any] = special_tokens_map(tokenizer)
    if max_length is not None:
        settings["model_max_length"] = max_length
    if not isinstance(tokenizer, WordPieceTokenizer):  # this class takes all its rules from tokenizer.json
        inputs = ["input_ids", "token_type_ids", "attention_mask"]
        return {"tokenizer_class": "PreTrainedTokenizerFast", "model_input_names": inputs} | settings
    return {
        "tokenizer_class": "BertTokenizer",
        "do_lower_case": tokenizer.lowercase,
        "strip_accents": tokenizer.strip_accents,
        "tokenize_chinese_chars": tokenizer.split_chinese,
        **settings,
        "added_tokens_decoder": {
            str(tokenizer.token_to_id(token.content)): asdict(token) for token in tokenizer.whole_tokens
        },
    }


def special_tokens_map(tokenizer: Tokenizer) -> dict[str, Any]:
    """The content of a ``special_tokens_map.json``: BERT's special tokens by name, and further ones."""
    tokens = tokenizer.whole_tokens if isinstance(tokenizer, WordPieceTokenizer) else ()
    further = [token.content for token in tokens if token.special and token.content not in _NAMED.values()]
    return _NAMED | ({"additional_special_tokens": further} if further else {})


def _check_class(name: Any, path: Path) -> None:
    if name is not None and str(name).removesuffix("Fast") not in _CLASSES:
        raise InputError(f"{path}: tokenizer_class is {str(name)[:80]!r}; only BERT's own tokenizer is known here")


def _special_tokens(settings: dict[str, Any], path: Path) -> list[Described]:
    """The special tokens in a ``tokenizer_config.json`` or a ``special_tokens_map.json``."""
    found = []
    for name, value in settings.items():
        if name.endswith("_token") and isinstance(value, str | dict):  # others are numbers and booleans
            found.append(described_token(value, None, path))
            if name in _NAMED and found[-1].token.content != _NAMED[name]:
                raise InputError(f"{path}: {name} is {found[-1].token.content!r}; only {_NAMED[name]!r} is known here")
    for name in ("extra_special_tokens", "additional_special_tokens"):
        values = settings.get(name) or []
        if not isinstance(values, list | dict):
            raise InputError(f"{path}: {name} is {str(values)[:80]}; a list of tokens was expected")
        values = values.values() if isinstance(values, dict) else values
        found += [described_token(value, None, path) for value in values]
    return found
