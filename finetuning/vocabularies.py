"""A vocabulary of a run's own, for an encoder or decoder that starts untrained."""

import warnings
from collections.abc import Iterable
from typing import Literal

from bert.files.terminal import progress_bar
from bert.tokenization.sentencepiece.tokenizer import SentencePieceTokenizer
from bert.tokenization.sentencepiece.trainer import train_sentencepiece
from bert.tokenization.tokenizer import Tokenizer
from bert.tokenization.wordpiece import WordPieceTokenizer
from bert.tokenization.wordpiece_trainer import train_wordpiece
from bert.training.script import Log

USUAL_COVERAGE = 0.9995  # of characters, in texts of many scripts; the sentencepiece library's default


def learn_vocabulary(
    texts: Iterable[str], size: int, kind: Literal["sentencepiece", "wordpiece"], log: Log
) -> Tokenizer:
    """A tokenizer with a vocabulary learned from texts. It keeps case and accents, since outputs need them.

    The same texts give the same vocabulary. SentencePiece decodes to the text that was encoded. Three things are lost:
    what NFKC changes (such as "ﬁ" to "fi"), runs of spaces, and characters that the texts lack. A decoder cannot write
    a character without a piece. So every character gets one, if all take at most half of the vocabulary.

    Args:
        texts: of sources, of targets, or of both for a joint vocabulary. They are read once.
        size: the number of pieces, with ``[PAD] [UNK] [CLS] [SEP] [MASK]``. Few texts give fewer pieces, and ``log``
            says so.

    Raises:
        InputError: if there is no text, or ``size`` is too small for the special tokens and the characters.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if kind == "sentencepiece":
            texts = list(texts)
            coverage = 1.0 if len(set().union(*texts)) <= size / 2 else USUAL_COVERAGE
            tokenizer = SentencePieceTokenizer(train_sentencepiece(texts, size, character_coverage=coverage))
        else:
            with progress_bar("Joining pieces") as joined:
                vocabulary = train_wordpiece(texts, size, lowercase=False, reached=joined)
            tokenizer = WordPieceTokenizer(vocabulary, lowercase=False)
    for warning in caught:
        log(f"Note: {warning.message}.")
    return tokenizer
