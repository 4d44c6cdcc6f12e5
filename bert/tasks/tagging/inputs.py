"""Sentences of words -> windows, and the position of each word's first piece.

The first piece of a word stands for the word (Devlin et al. 2018, section 5.3). A sentence that is too long for the
model goes in windows that overlap by half. A word counts in the window with the most context on both sides.
"""

from collections.abc import Sequence

import numpy as np

from bert.tasks.options import Options
from bert.tasks.tagging.sentence import TaggedSentence
from bert.tasks.windows import Inputs, Window, in_windows, most_context
from bert.tokenization.encoding import room_for_pieces
from bert.tokenization.tokenizer import Tokenizer


def sentence_inputs(
    tokenizer: Tokenizer, sentences: Sequence[TaggedSentence], options: Options, source: str = ""
) -> Inputs:
    """The windows of each sentence."""
    return in_windows([word_windows(tokenizer, sentence.words, options.max_length) for sentence in sentences])


def word_windows(tokenizer: Tokenizer, words: Sequence[str], max_length: int) -> list[Window]:
    """The windows of a sentence: one, or several if it is longer than ``max_length`` tokens.

    Each word is an item of just one window. A word without a piece (of control characters alone) is in none.

    Raises:
        InputError: if not even the special tokens fit.
    """
    overlap = room_for_pieces(max_length, is_pair=False) // 2
    encodings = tokenizer.windows(words, max_length=max_length, overlap=overlap)
    candidates = []
    for index, encoding in enumerate(encodings):
        before = None
        for position, word in enumerate(encoding.word_ids):
            if word is not None and word != before:
                candidates.append((word, min(position, len(encoding) - 1 - position), (index, position)))
            before = word
    found: list[list[tuple[int, int]]] = [[] for _ in encodings]  # (word, position) by window
    for word, (index, position) in most_context(candidates).items():
        found[index].append((word, position))
    return [
        Window(
            input_ids=np.array(encoding.input_ids, np.int32),
            token_type_ids=np.zeros(len(encoding), np.int8),
            selected=[position for _, position in pairs],
            items=[word for word, _ in pairs],
        )
        for encoding, pairs in zip(encodings, found)
    ]
