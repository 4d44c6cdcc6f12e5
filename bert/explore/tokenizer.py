"""A WordPiece tokenizer as the page needs it: pieces, switches, added tokens and Unicode's tables."""

from dataclasses import asdict

from bert.errors import InputError
from bert.explore.unicode_tables import unicode_tables
from bert.tokenization.tokenizer import Tokenizer
from bert.tokenization.wordpiece import MAX_WORD_LENGTH, WordPieceTokenizer


def tokenizer_settings(tokenizer: Tokenizer, source: str) -> dict:
    """What ``page/wordpiece.js`` cuts a text with.

    Raises an InputError if the tokenizer is not a WordPiece tokenizer.
    """
    if not isinstance(tokenizer, WordPieceTokenizer):
        raise InputError(
            f"{source}: its vocabulary is a SentencePiece model, and the page cuts texts with WordPiece alone; name a "
            f"run with a vocab.txt"
        )
    return {
        "vocabulary": tokenizer.vocabulary,
        "pieces_in_words": tokenizer.pieces_in_words,
        "lowercase": tokenizer.lowercase,
        "strip_accents": tokenizer.strip_accents,
        "split_chinese": tokenizer.split_chinese,
        "added_tokens": [asdict(token) for token in tokenizer.whole_tokens],
        "special_token_ids": sorted(tokenizer.special_token_ids),
        "max_word_length": MAX_WORD_LENGTH,
        "unicode": unicode_tables(),
    }
