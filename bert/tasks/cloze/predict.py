"""Labels with their probabilities, from the words that fill a blank.

A blank has as many masks as the word has pieces. A word of several pieces goes in piece by piece, the most certain one
first, and the model sees what is there already. The word's probability is the product.
Source: Schick and Schütze 2021, "It's Not Just Size That Matters", section 3.1.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bert.heads.batch import Batch
from bert.heads.cloze import BertForCloze, label_scores
from bert.tasks.classification.predict import LabelScores, prediction_header, prediction_row, texts_of
from bert.tasks.classification.read import Example
from bert.tasks.cloze.inputs import ClozeWindow
from bert.tasks.options import Options
from bert.tasks.prediction import window_scores
from bert.tasks.windows import WindowsOfEach


def predict_clozes(model: BertForCloze, examples: WindowsOfEach, options: Options) -> list[LabelScores]:
    """The scores of each example. With several patterns, or windows, a word's score is its mean over them."""
    windows: list[Any] = [window for parts in examples for window in parts]
    verbalizer = windows[0].verbalizer
    rows = iter(score_words(model, windows))
    words = np.stack([np.nanmean([next(rows) for _ in parts], axis=0) for parts in examples])
    logits = label_scores(torch.from_numpy(words), torch.tensor(verbalizer.label_of_word), len(model.labels))
    return list(map(LabelScores, logits.numpy(), logits.softmax(dim=-1).numpy()))


def cloze_rows(
    model: BertForCloze, predictions: Iterable[tuple[Example, LabelScores]], options: Options
) -> Iterator[Sequence[Any]]:
    """The header, then a row for each text: its label, and the probability of each label."""
    for index, (example, scores) in enumerate(predictions):
        beside = texts_of(example, options)
        if index == 0:
            yield [*prediction_header(model.labels), *beside]
        yield [*prediction_row(scores.probabilities, model.labels), *beside.values()]


def score_words(model: BertForCloze, windows: Sequence[ClozeWindow]) -> np.ndarray:
    """(windows, words) float32: the score of each word in each window. NaN if the window's blank has another length.

    A word of one piece scores its logit if all words are such. Else a word scores its log-probability.
    """
    verbalizer = windows[0].verbalizer
    pieces = sorted({piece for word in verbalizer.words for piece in word})
    column = {piece: number for number, piece in enumerate(pieces)}

    def score(batch: Batch) -> Tensor:
        """(selected, pieces): the scores of all words' pieces at each mask."""
        logits = model(**batch.inputs).prediction_logits.float()
        return (logits.log_softmax(dim=-1) if verbalizer.most_pieces > 1 else logits)[:, pieces]

    def at_masks(windows: Sequence[ClozeWindow]) -> list[np.ndarray]:
        """For each window (masks, pieces)."""
        scores = window_scores(
            model, [[window] for window in windows], score, lambda window: len(window.selected or ())
        )
        return [only for (only,) in scores]

    totals = np.full((len(windows), len(verbalizer.words)), np.nan, np.float32)
    scores = at_masks(windows)
    # Words that are not whole yet: the window with the pieces so far, those left by mask, and the masks' scores.
    unfinished = []
    for row, window in enumerate(windows):
        for number, word in enumerate(verbalizer.words):
            if len(word) == len(window.selected):
                totals[row, number] = 0
                unfinished.append((row, number, window, dict(zip(window.selected, word)), scores[row]))
    while unfinished:
        filled = []
        for row, number, window, left, at_mask in unfinished:
            of_left = [at_mask[index, column[piece]] for index, piece in enumerate(left.values())]
            best = int(np.argmax(of_left))
            totals[row, number] += of_left[best]
            mask = list(left)[best]
            if len(left) > 1:
                ids = window.input_ids.copy()
                ids[mask] = left.pop(mask)
                filled.append((row, number, replace(window, input_ids=ids, selected=list(left)), left))
        scores = at_masks([window for _, _, window, _ in filled]) if filled else []
        unfinished = [(*word, at_mask) for word, at_mask in zip(filled, scores)]
    return totals
