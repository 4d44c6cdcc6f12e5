"""``tokenizer.json``: a whole tokenizer in the format of the Rust library ``tokenizers``.

BERT's parts of it are read: the vocabulary of a WordPiece model, the switches of a BertNormalizer, and added tokens.
Anything else would split texts otherwise, and is refused by name. What the library does after splitting (truncation,
padding) is asked for by our callers instead.
"""

from pathlib import Path
from typing import Any, NamedTuple

from bert.checkpoints.added_tokens import Described, described_token
from bert.checkpoints.post_processor import check_post_processor
from bert.errors import InputError
from bert.files.json_objects import read_json_object
from bert.tokenization.special_tokens import UNK
from bert.tokenization.wordpiece import CONTINUATION, MAX_WORD_LENGTH


class TokenizerFile(NamedTuple):
    """What a ``tokenizer.json`` says."""

    vocabulary: list[str]  # by id
    normalizer: dict[str, Any]
    added_tokens: list[Described]


def read_tokenizer_json(path: Path) -> TokenizerFile:
    """Raises an InputError if the file is damaged, or describes another tokenizer than BERT's."""
    whole = read_json_object(path)
    model, normalizer = _component(whole, "model", path), _component(whole, "normalizer", path)
    # Files of 2020 do not name the kind of the model. Of all kinds only WordPiece has this prefix and no merges.
    is_old = "type" not in model and "continuing_subword_prefix" in model and "merges" not in model
    pre_tokenizer = _component(whole, "pre_tokenizer", path) if "pre_tokenizer" in whole else {}
    for component, name, key, expected in (
        (model, "model", "type", "WordPiece"), (normalizer, "normalizer", "type", "BertNormalizer"),
        (pre_tokenizer, "pre_tokenizer", "type", "BertPreTokenizer"),
        (model, "model", "continuing_subword_prefix", CONTINUATION),
        (model, "model", "max_input_chars_per_word", MAX_WORD_LENGTH), (model, "model", "unk_token", UNK),
        (normalizer, "normalizer", "clean_text", True),
    ):  # fmt: skip
        may_lack = key != "type" or not component or (component is model and is_old)
        if component.get(key, expected if may_lack else None) != expected:
            found = str(component.get(key))[:80]
            raise InputError(f"{path}: the {key} of its {name} is {found!r}; only BERT's is known here ({expected!r})")
    check_post_processor(whole.get("post_processor"), path)
    added = whole.get("added_tokens") or []
    if not isinstance(added, list) or not all(isinstance(token, dict) for token in added):
        raise InputError(f"{path}: its added_tokens are no list of objects")
    return TokenizerFile(
        _vocabulary(model.get("vocab"), path),
        normalizer,
        [described_token(token, token.get("id"), path, special=False) for token in added],
    )


def _component(whole: dict[str, Any], name: str, path: Path) -> dict[str, Any]:
    component = whole.get(name)
    if not isinstance(component, dict):
        raise InputError(f"{path}: its {name} is {str(component)[:80]}; BERT's was expected")
    return component


def _vocabulary(ids: Any, path: Path) -> list[str]:
    """The pieces by id. An id without a piece gets an empty one, which no text has, as an empty line in a vocab.txt."""
    if not isinstance(ids, dict) or not all(type(token_id) is int for token_id in ids.values()):
        raise InputError(f"{path}: its model has no vocab of pieces and ids")
    pieces = {token_id: piece for piece, token_id in ids.items()}
    if len(pieces) < len(ids) or not pieces or min(pieces) < 0 or max(pieces) >= 2 * len(ids):
        raise InputError(f"{path}: the ids of its vocab do not run from 0, each of one piece")
    for piece in ids:  # a piece that a vocab.txt cannot hold would come back as another one
        if not is_line(piece):
            raise InputError(f"{path}: the piece {piece!r} of its vocab has white space at its end, so no text has it")
    return [pieces.get(token_id, "") for token_id in range(max(pieces) + 1)]


def is_line(piece: str) -> bool:
    """Whether a ``vocab.txt`` can hold a piece. Reading one drops white space at a line's end, if there is text too."""
    return "\n" not in piece and (piece == piece.rstrip() or not piece.removeprefix(CONTINUATION).strip())
