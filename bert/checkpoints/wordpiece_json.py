"""A WordPiece tokenizer as ``tokenizer.json``, the format of the Rust library ``tokenizers``.

transformers, transformers.js, candle, text-embeddings-inference and others read this one file:

    clean, Chinese apart, strip accents, lower-case    normalizer BertNormalizer
    split at white space and punctuation               pre-tokenizer BertPreTokenizer
    longest piece first                                model WordPiece
    [CLS] A [SEP] B [SEP]                              post-processor TemplateProcessing

Ids and offsets are ours. The docstring of ``bert/tokenization/normalization.py`` names the exceptions.
"""

from dataclasses import asdict
from typing import Any

from bert.checkpoints.post_processor import post_processor_of
from bert.checkpoints.tokenizer_json import is_line
from bert.tokenization.special_tokens import UNK
from bert.tokenization.wordpiece import CONTINUATION, MAX_WORD_LENGTH, WordPieceTokenizer


def wordpiece_json(tokenizer: WordPieceTokenizer) -> dict[str, Any] | None:
    """The content of ``tokenizer.json``.

    None if the format cannot say the vocabulary: in a JSON object each piece has one id. A vocabulary that has a piece
    twice stays in ``vocab.txt`` alone.
    """
    pieces = tokenizer.vocabulary[: tokenizer.pieces_in_words]
    if len(set(pieces)) < len(pieces) or not all(map(is_line, pieces)):
        return None
    ids = {token: tokenizer.token_to_id(token.content) for token in tokenizer.whole_tokens}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": ids[token]} | asdict(token) for token in sorted(ids, key=ids.__getitem__)],
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": tokenizer.split_chinese,
            "strip_accents": tokenizer.strip_accents,
            "lowercase": tokenizer.lowercase,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": post_processor_of(tokenizer),
        "decoder": {"type": "WordPiece", "prefix": CONTINUATION, "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": UNK,
            "continuing_subword_prefix": CONTINUATION,
            "max_input_chars_per_word": MAX_WORD_LENGTH,
            "vocab": {piece: token_id for token_id, piece in enumerate(pieces)},
        },
    }
