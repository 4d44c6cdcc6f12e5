"""Sentences of words, each of which is to get an answer: inputs, and where in them each word's first piece stands.

The first piece of a word speaks for the word (Devlin et al. 2018, section 5.3). A sentence too long for the model goes
in windows that overlap by half, and a word is looked for in the window where it has most company on both sides.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bert.tokenization.encoding import room_for_pieces
from bert.tokenization.long_texts import ModelInput, pad_inputs


class WordInput(NamedTuple):
    """words: numbers of the words, counted in their sentence, that are looked for in this input; positions: where."""

    input: ModelInput
    words: list[int]
    positions: list[int]


def word_inputs(tokenizer, words: str | Sequence[str], max_length: int) -> list[WordInput]:
    """The inputs of a sentence: one, or several where it is longer than ``max_length`` positions.

    Each word is looked for in just one of them. A word without a piece (of control characters alone) is in none.

    Args:
        words: the sentence's words; or a text, whose words are those that the tokenizer splits it into.

    Raises:
        InputError: where not even the special tokens fit.
    """
    overlap = room_for_pieces(max_length, is_pair=False) // 2
    windows = tokenizer.windows(words, max_length=max_length, overlap=overlap)
    best: dict[int, tuple[int, int, int]] = {}  # word -> (company, window, position)
    for number, window in enumerate(windows):
        before = None
        for position, word in enumerate(window.word_ids):
            if word is not None and word != before:
                company = min(position, len(window) - 1 - position)
                if word not in best or company > best[word][0]:
                    best[word] = (company, number, position)
            before = word
    inputs = [
        WordInput(ModelInput(np.array(window.input_ids, np.int32), len(window)), [], []) for window in windows
    ]
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
