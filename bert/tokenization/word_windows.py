"""Sentences of words, each of which is to get an answer: inputs, and where in them each word's first piece stands.

The first piece of a word speaks for the word (Devlin et al. 2018, section 5.3). A sentence too long for the model goes
in windows that overlap by half, and a word is looked for where it has the most context on both sides.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bert.tokenization.encoding import room_for_pieces
from bert.tokenization.long_texts import ModelInput, pad_inputs
from bert.tokenization.normalization import is_chinese

_BEFORE_WORDS, _AFTER_WORDS = set('([{<"“„‘«‹¿¡（「『《'), set(')]}>"”’»›,;:!?…）」』》。、，；：！？')


class WordInput(NamedTuple):
    """words: numbers of the words, counted in their sentence, that are looked for in this input; positions: where."""

    input: ModelInput
    words: list[int]
    positions: list[int]


def words_of(text: str) -> list[tuple[int, int]]:
    """Where in a text its words stand, as who tags words by hand divides them: (start, end) of each.

    White space separates them, and each Chinese character is one. Brackets, quotes and most punctuation at a word's
    ends are words of their own, and so is the full stop at the text's end; in a word they are a part of it, and so is a
    full stop after it (an abbreviation's, as likely as not). Where white space stands around everything already, as in
    the sentences of CoNLL-2003, the words are what it separates.

    >>> text = "(J. Smith-Jones left the U.S. on Monday.)"
    >>> [text[start:end] for start, end in words_of(text)]
    ['(', 'J.', 'Smith-Jones', 'left', 'the', 'U.S.', 'on', 'Monday', '.', ')']
    """
    closing = len(text.rstrip())  # where brackets and quotes begin, behind which nothing stands
    while closing > 0 and text[closing - 1] in _AFTER_WORDS:
        closing -= 1
    words = []
    for chunk in re.finditer(r"\S+", text):
        start, end = chunk.span()
        if not any(map(str.isalnum, chunk.group())):
            words.append((start, end))
            continue
        while text[start] in _BEFORE_WORDS:
            words.append((start, start + 1))
            start += 1
        after = []
        while text[end - 1] in _AFTER_WORDS or (text[end - 1] == "." and end >= closing):
            after.append((end - 1, end))
            end -= 1
        for place in range(start, end):
            if is_chinese(text[place]):
                words += [(start, place)] if start < place else []
                words.append((place, place + 1))
                start = place + 1
        words += [(start, end)] if start < end else []
        words += reversed(after)
    return words


def word_inputs(tokenizer, words: Sequence[str], max_length: int) -> list[WordInput]:
    """The inputs of a sentence: one, or several where it is longer than ``max_length`` positions.

    Each word is looked for in just one of them. A word without a piece (of control characters alone) is in none.

    Args:
        words: the sentence's words.

    Raises:
        InputError: where not even the special tokens fit.
    """
    overlap = room_for_pieces(max_length, is_pair=False) // 2
    windows = tokenizer.windows(words, max_length=max_length, overlap=overlap)
    best: dict[int, tuple[int, int, int]] = {}  # word -> (context, window, position)
    for number, window in enumerate(windows):
        before = None
        for position, word in enumerate(window.word_ids):
            if word is not None and word != before:
                context = min(position, len(window) - 1 - position)
                if word not in best or context > best[word][0]:
                    best[word] = (context, number, position)
            before = word
    inputs = [WordInput(ModelInput(np.array(window.input_ids, np.int32), len(window)), [], []) for window in windows]
    for word, (_, number, position) in sorted(best.items()):
        inputs[number].words.append(word)
        inputs[number].positions.append(position)
    return inputs


def word_batch(windows: Sequence[WordInput], pad_token_id: int) -> dict[str, np.ndarray]:
    """Inputs as the arrays that the model takes.

    Returns:
        input_ids, token_type_ids, attention_mask: (batch, seq) int64; word_positions: (words,) int64, of the words of
        all inputs in their order, each as row * seq + position.
    """
    arrays = pad_inputs([window.input for window in windows], pad_token_id)
    seq = arrays["input_ids"].shape[1]
    positions = [row * seq + position for row, window in enumerate(windows) for position in window.positions]
    return arrays | {"word_positions": np.array(positions, np.int64)}
