"""A SentencePiece model as ``tokenizer.json``, so that transformers loads it too.

transformers does not read ``spm.model`` in a BERT's directory. It reads ``tokenizer.json``, the format of the Rust
library ``tokenizers``, which has SentencePiece's parts under other names:

    rules for characters    normalizer Precompiled, then spaces at the end dropped and runs of spaces made one
    "▁" for a space         pre-tokenizer Metaspace
    unigram, byte pairs     models Unigram and BPE
    [CLS] A [SEP] B [SEP]   post-processor TemplateProcessing

The ids are ours on ordinary text. They can differ in five cases. A text spells ``[CLS]`` or another control symbol: to
the library it is one. A text has the character "▁". A mark stands on a character that the rules replace ("ﬁ" with an
accent). White space that the rules leave alone, such as a tab without rules, stands just before ``[MASK]``. Or two cuts
of a word have the same probability, as in a long run of dashes, and rounding decides. ``load_tokenizer`` reads
``spm.model``, which has none of these cases.
"""

import base64
from typing import Any

from bert.checkpoints.post_processor import post_processor_of
from bert.tokenization.sentencepiece.model_file import SPACE_MARK, Kind, SentencePieceModel, parse_model
from bert.tokenization.sentencepiece.tokenizer import SentencePieceTokenizer
from bert.tokenization.special_tokens import CLS, MASK, PAD, SEP, SPECIAL_TOKENS, UNK


def sentencepiece_json(tokenizer: SentencePieceTokenizer) -> dict[str, Any] | None:
    """The content of ``tokenizer.json``; None if the model has something that the format cannot say exactly.

    Every model of ``train_sentencepiece`` can be said.
    """
    model = parse_model(tokenizer.model_bytes)
    if not _can_be_said(model):
        return None
    ids = {piece: token_id for token_id, piece in enumerate(model.pieces)}
    rules: list[dict[str, Any]] = [
        {"type": "Replace", "pattern": {"Regex": r" +\z"}, "content": ""},  # $ would be a line's end
        {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "},
    ]
    if model.normalizer.character_map:
        content = base64.b64encode(model.normalizer.character_map).decode("ascii")
        rules.insert(0, {"type": "Precompiled", "precompiled_charsmap": content})
    space = {"type": "Metaspace", "replacement": SPACE_MARK, "split": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_added(token, ids[token]) for token in SPECIAL_TOKENS],
        "normalizer": {"type": "Sequence", "normalizers": rules},
        "pre_tokenizer": space | {"prepend_scheme": "first"},  # a text's first word gets a "▁", one after [MASK] not
        "post_processor": post_processor_of(tokenizer),
        "decoder": space | {"prepend_scheme": "always"},
        "model": _unigram(model) if model.is_unigram else _byte_pair(model, ids),
    }


def _can_be_said(model: SentencePieceModel) -> bool:
    rules = model.normalizer
    usual = {PAD: Kind.CONTROL, UNK: Kind.UNKNOWN, CLS: Kind.CONTROL, SEP: Kind.CONTROL, MASK: Kind.USER_DEFINED}
    special = {piece: kind for piece, kind in zip(model.pieces, model.kinds) if kind != Kind.NORMAL}
    return (
        special == usual
        and len(set(model.pieces)) == len(model.pieces)
        and not any(SPACE_MARK in piece[1:] for piece in model.pieces)
        and rules.add_dummy_prefix and rules.remove_extra_whitespaces and rules.escape_whitespaces
        and not model.whitespace_as_suffix and model.denormalizer is None
    )  # fmt: skip


def _unigram(model: SentencePieceModel) -> dict[str, Any]:
    vocabulary = [list(pair) for pair in zip(model.pieces, model.scores)]
    return {"type": "Unigram", "unk_id": model.unknown_id, "vocab": vocabulary, "byte_fallback": False}


def _byte_pair(model: SentencePieceModel, ids: dict[str, int]) -> dict[str, Any]:
    """A merge for each way to make a piece of two others, the best score first; a piece's own ways by their ids."""
    learned = {piece for piece, kind in zip(model.pieces, model.kinds) if kind == Kind.NORMAL}
    merges = [
        (-model.scores[ids[piece]], ids[piece[:cut]], ids[piece[cut:]])
        for piece in learned
        for cut in range(1, len(piece))
        if piece[:cut] in learned and piece[cut:] in learned
    ]
    return {
        "type": "BPE",
        "vocab": ids,
        "merges": [[model.pieces[left], model.pieces[right]] for _, left, right in sorted(merges)],
        "unk_token": UNK,
        "fuse_unk": True,
        "byte_fallback": False,
    }


def _added(token: str, token_id: int) -> dict[str, Any]:
    # Our tokenizers drop a "▁" that stands alone before [MASK]: lstrip takes the space.
    properties = {"single_word": False, "lstrip": token == MASK, "rstrip": False, "normalized": False, "special": True}
    return {"id": token_id, "content": token} | properties
