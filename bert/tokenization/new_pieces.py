"""Learns pieces to add to a WordPiece vocabulary, from text of another kind than it was made from.

The old vocabulary cuts the text's own words into many pieces. We join neighbouring pieces, as ``wordpiece_trainer``
does, but begin with the old pieces in place of characters:

    old         ec ##ze ##ma,  ec ##ze ##ma ##s      ##ze ##ma is frequent:  join
                ec ##zema,     ec ##zema ##s         ec ##zema is frequent:  join
    with new    eczema,        eczema ##s

The steps on the way, such as ``##zema``, are often of no use in the end. So we join more than was asked for. We cut the
words with all, and drop those that save least, a few at a time. A piece made of k old ones saves k - 1 at each use.

The new pieces come after all old ones, whose ids stay.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from bert.errors import InputError
from bert.tokenization.normalization import Normalizer
from bert.tokenization.wordpiece import CONTINUATION, WordPieceTokenizer
from bert.tokenization.wordpiece_trainer import count_words, join_pairs

# Pieces joined per piece kept, and some more: if few are kept, the steps to them are still many.
_SURPLUS, _AND_MORE = 2.0, 100  # on film reviews a surplus of 2 saves as much as 4, and more than 1.2
_KEPT_AT_ONCE = 0.8  # of the pieces, when those that save least are dropped


def learn_pieces(tokenizer: WordPieceTokenizer, texts: Iterable[str], count: int, min_frequency: int = 2) -> list[str]:
    """Up to ``count`` pieces that the tokenizer lacks and ``texts`` need most. The piece that saves most is first.

    Words are those of the tokenizer's own normalization. A word that it cannot spell (``[UNK]``) gives none: its new
    piece would be made of nothing that the model knows.

    Args:
        texts: read once, one at a time.
        min_frequency: a rarer pair is not joined.

    Returns:
        The pieces. There are fewer than ``count`` if no more pairs are frequent enough.
    """
    normalizer = Normalizer(tokenizer.lowercase, tokenizer.strip_accents, tokenizer.split_chinese)
    words = Counter({
        word: uses for word, uses in count_words(texts, normalizer).items()
        if len(tokenizer.match_longest_first(word)) > 1
    })  # fmt: skip
    old = list(dict.fromkeys(tokenizer.vocabulary))
    size = len(old) + round(_SURPLUS * count) + _AND_MORE
    joined = join_pairs(words, old, size, min_frequency, spell=tokenizer.cut_word)[len(old) :]
    return _keep_most_saving(tokenizer, words, joined, count)


def _keep_most_saving(tokenizer: WordPieceTokenizer, words: Counter[str], pieces: list[str], count: int) -> list[str]:
    """The ``count`` pieces that save most. Without one piece others are used more, so they are dropped in rounds."""
    while True:
        larger, saved = add_pieces(tokenizer, pieces), Counter[str]()
        for word, uses in words.items():
            for piece in larger.match_longest_first(word):
                if piece >= tokenizer.vocab_size:
                    saved[larger.vocabulary[piece]] += uses
        for piece in saved:
            saved[piece] *= len(old_ids(tokenizer, piece)) - 1
        pieces = sorted(saved, key=lambda piece: (-saved[piece], piece))
        if len(pieces) <= count:
            return pieces
        pieces = pieces[: max(count, int(_KEPT_AT_ONCE * len(pieces)))]


def old_ids(tokenizer: WordPieceTokenizer, piece: str) -> tuple[int, ...]:
    """The ids of the pieces that a new piece was cut into before.

    >>> tokenizer = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "ec", "##ze", "##ma"])
    >>> old_ids(tokenizer, "eczema"), old_ids(tokenizer, "##zema")
    ((5, 6, 7), (6, 7))
    """
    return tokenizer.match_longest_first(piece.removeprefix(CONTINUATION), piece.startswith(CONTINUATION))


def add_pieces(tokenizer: WordPieceTokenizer, pieces: Iterable[str]) -> WordPieceTokenizer:
    """The same tokenizer with further pieces. Their ids come after all ids that it had.

    Tokens that were added to it become pieces of its vocabulary, since only there a piece can come after them.

    Raises an InputError if one of these tokens cannot be a line of ``vocab.txt``.
    """
    for token in tokenizer.vocabulary[tokenizer.pieces_in_words :]:
        if token != token.rstrip() or "\n" in token:
            raise InputError(
                f"the added token {token!r} cannot be a line of vocab.txt, and no piece can come after it in another "
                f"way; add no pieces, or remove the token"
            )
    # Strings of their own, as they are when read from files: fingerprints go by pickles, which store a string once.
    tokens = [replace(token, content="".join([*token.content])) for token in tokenizer.added_tokens]
    return WordPieceTokenizer(
        [*tokenizer.vocabulary, *pieces], tokenizer.lowercase, tokenizer.strip_accents, tokenizer.split_chinese, tokens
    )
