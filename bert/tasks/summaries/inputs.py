"""A document's sentences, each with a ``[CLS]`` of its own -> windows of whole sentences.

Liu 2019, "Fine-tune BERT for Extractive Summarization" (BertSum), section 2.1 and figure 1:

    [CLS] it rained [SEP] [CLS] a dam broke [SEP] [CLS] two villages ...
      0    0    0     0     1   1  1    1     1     0    0      0

The token types of neighbouring sentences alternate ("interval segment embeddings").

A departure: the paper cuts documents off at 512 tokens. Here a longer document goes in windows that share up to half of
their tokens. A sentence counts in the window with the most context on both sides.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bert.tasks.options import Options
from bert.tasks.summaries.read import Document
from bert.tasks.windows import Inputs, Window, most_context
from bert.tokenization.encoding import room_for_pieces
from bert.tokenization.tokenizer import Tokenizer


class SentenceWindows(NamedTuple):
    """The windows of a document."""

    windows: list[Window]
    cut: int  # how many sentences were longer than a window and lost their ends


def document_inputs(tokenizer: Tokenizer, documents: Sequence[Document], options: Options, source: str = "") -> Inputs:
    """The windows of each document. A document is too long if it needs several, or loses the end of a sentence."""
    fitted = [sentence_windows(tokenizer, document.sentences, options.max_length) for document in documents]
    too_long = sum(len(windows) > 1 or cut > 0 for windows, cut in fitted)
    return Inputs([windows for windows, _ in fitted], too_long)


def sentence_windows(tokenizer: Tokenizer, sentences: Sequence[str], max_length: int) -> SentenceWindows:
    """The windows over a document: one, or several if it is longer than ``max_length`` tokens.

    Raises:
        InputError: if not even a sentence's special tokens fit.
    """
    room = room_for_pieces(max_length, is_pair=False)
    ids = tokenizer.encode_batch(sentences)
    cut = sum(len(sentence) > room for sentence in ids)
    ids = [[tokenizer.cls_token_id, *sentence[:room], tokenizer.sep_token_id] for sentence in ids]
    lengths = [len(sentence) for sentence in ids]
    bounds = _window_bounds(lengths, max_length)
    candidates = []
    for index, (first, end) in enumerate(bounds):
        position, after = 0, sum(lengths[first:end])
        for sentence in range(first, end):
            after -= lengths[sentence]
            candidates.append((sentence, min(position, after), (index, position)))
            position += lengths[sentence]
    found: list[list[tuple[int, int]]] = [[] for _ in bounds]  # (sentence, position) by window
    for sentence, (index, position) in most_context(candidates).items():
        found[index].append((sentence, position))
    windows = [
        Window(
            input_ids=np.array([token_id for sentence in ids[first:end] for token_id in sentence], np.int32),
            token_type_ids=np.repeat(np.arange(end - first) % 2, lengths[first:end]).astype(np.int8),
            selected=[position for _, position in pairs],
            items=[sentence for sentence, _ in pairs],
        )
        for (first, end), pairs in zip(bounds, found)
        if pairs
    ]
    return SentenceWindows(windows, cut)


def _window_bounds(lengths: Sequence[int], max_length: int) -> list[tuple[int, int]]:
    """(first, end) of each window of whole sentences, as many as fit.

    The next window begins with the last sentences of the one before. They fill at most half of it, and leave room for
    a further sentence.

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
