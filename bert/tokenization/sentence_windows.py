"""A document's sentences, each with a ``[CLS]`` that speaks for it, in windows of whole sentences.

Liu 2019, "Fine-tune BERT for Extractive Summarization" (BertSum), section 2.1 and figure 1:

    [CLS] it rained [SEP] [CLS] a dam broke [SEP] [CLS] two villages ...
      0    0    0     0     1   1  1    1     1     0    0      0

The token types of neighbouring sentences alternate ("interval segment embeddings"). The paper cuts documents off at 512
tokens; here a longer one goes in windows that share up to half of their tokens, and a sentence is scored where it has
the most context on both sides.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bert.tokenization.encoding import room_for_pieces
from bert.tokenization.long_texts import ModelInput, pad_inputs


class SentenceWindow(NamedTuple):
    """input_ids, token_type_ids: (seq,) int32; sentences: the numbers, in their document, of the sentences that are
    scored in this window; positions: where their [CLS] are.
    """

    input_ids: np.ndarray
    token_type_ids: np.ndarray
    sentences: list[int]
    positions: list[int]


class SentenceWindows(NamedTuple):
    """windows: those of a document; cut: how many of its sentences were too long for a window and lost their ends."""

    windows: list[SentenceWindow]
    cut: int


def sentence_windows(tokenizer, sentences: Sequence[str], max_length: int) -> SentenceWindows:
    """The windows over a document: one, or several where it is longer than ``max_length`` positions.

    Raises:
        InputError: where not even a sentence's special tokens fit.
    """
    room = room_for_pieces(max_length, is_pair=False)
    ids = tokenizer.encode_batch(sentences)
    cut = sum(len(sentence) > room for sentence in ids)
    ids = [[tokenizer.cls_token_id, *sentence[:room], tokenizer.sep_token_id] for sentence in ids]
    lengths = [len(sentence) for sentence in ids]
    bounds = _window_bounds(lengths, max_length)
    best: dict[int, tuple[int, int, int]] = {}  # sentence -> (context, window, position)
    for number, (first, end) in enumerate(bounds):
        position, after = 0, sum(lengths[first:end])
        for sentence in range(first, end):
            after -= lengths[sentence]
            context = min(position, after)
            if sentence not in best or context > best[sentence][0]:
                best[sentence] = (context, number, position)
            position += lengths[sentence]
    windows = [
        SentenceWindow(
            np.array([token_id for sentence in ids[first:end] for token_id in sentence], np.int32),
            np.repeat(np.arange(end - first, dtype=np.int32) % 2, lengths[first:end]),
            [], [],
        )
        for first, end in bounds
    ]  # fmt: skip
    for sentence, (_, number, position) in sorted(best.items()):
        windows[number].sentences.append(sentence)
        windows[number].positions.append(position)
    return SentenceWindows([window for window in windows if window.sentences], cut)


def pad_windows(windows: Sequence[SentenceWindow], pad_token_id: int) -> dict[str, np.ndarray]:
    """Windows as the arrays that the model takes.

    Returns:
        input_ids, token_type_ids, attention_mask: (batch, seq) int64; sentence_positions: (sentences,) int64, of the
        scored sentences of all windows, each as row * seq + position.
    """
    rows = [ModelInput(window.input_ids, len(window.input_ids)) for window in windows]
    arrays = pad_inputs(rows, pad_token_id)
    for row, window in zip(arrays["token_type_ids"], windows):
        row[: len(window.token_type_ids)] = window.token_type_ids
    seq = arrays["input_ids"].shape[1]
    positions = [row * seq + position for row, window in enumerate(windows) for position in window.positions]
    return arrays | {"sentence_positions": np.array(positions, np.int64)}


def _window_bounds(lengths: Sequence[int], max_length: int) -> list[tuple[int, int]]:
    """(first, end) of each window of whole sentences: as many as fit; the next one begins with those that end the one
    before, up to a half of a window and as long as a further sentence fits.

    >>> _window_bounds([4, 3, 3, 5, 2], 10)
    [(0, 3), (2, 5)]
    """
    bounds, first, end = [], 0, 0
    while end < len(lengths):
        total = sum(lengths[first:end])
        while end < len(lengths) and total + lengths[end] <= max_length:
            total += lengths[end]
            end += 1
        bounds.append((first, end))
        if end < len(lengths):
            first += 1
            while sum(lengths[first:end]) > max_length // 2 or sum(lengths[first : end + 1]) > max_length:
                first += 1
    return bounds
