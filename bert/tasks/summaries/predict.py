"""Summaries of documents: their best sentences."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

from bert.heads.summaries import BertForExtractiveSummarization
from bert.tasks.options import SUMMARY_SENTENCES, Options
from bert.tasks.prediction import window_scores
from bert.tasks.rouge import ngrams, words
from bert.tasks.summaries.read import Document
from bert.tasks.windows import WindowsOfEach


def predict_sentences(
    model: BertForExtractiveSummarization, examples: WindowsOfEach, options: Options
) -> list[np.ndarray]:
    """The logits of each document's sentences, (sentences,) float32."""
    scores = window_scores(
        model, examples, lambda batch: model(**batch.inputs).logits, lambda window: len(window.items)
    )
    logits = []
    for windows, parts in zip(examples, scores):
        order = np.argsort([sentence for window in windows for sentence in window.items])
        logits.append(np.concatenate(parts)[order])
    return logits


def select_sentences(
    sentences: Sequence[str], scores: Sequence[float] | np.ndarray, most: int = SUMMARY_SENTENCES
) -> list[int]:
    """The indices of the summary's sentences, in the order of the document.

    Up to ``most`` are taken, from the best down. Of equals the first is better. A sentence that shares three words in a
    row with one taken before is skipped. It would say the same again (trigram blocking; Liu 2019, section 3.3).

    >>> select_sentences(["A dam broke today.", "It rained.", "Today a dam broke today!"], [0.9, 0.1, 0.8])
    [0, 1]
    """
    chosen, taken = [], set()
    for index in sorted(range(len(sentences)), key=lambda index: -scores[index]):
        trigrams = set(ngrams(words(sentences[index]), 3))
        if len(chosen) < most and not trigrams & taken:
            chosen.append(index)
            taken |= trigrams
    return sorted(chosen)


def summary_rows(
    model: BertForExtractiveSummarization, predictions: Iterable[tuple[Document, np.ndarray]], options: Options
) -> Iterator[Sequence[Any]]:
    """The header, then a row for each document."""
    yield ["prediction", "summary", "probabilities", *(["text"] if options.text else [])]
    for document, logits in predictions:
        chosen = select_sentences(document.sentences, logits, options.summary_sentences)
        summary = " ".join(document.sentences[index] for index in chosen)
        probabilities = torch.from_numpy(logits).sigmoid().tolist()
        of_each = ",".join(f"{probability:.6f}" for probability in probabilities)
        text = [" ".join(document.sentences)] if options.text else []
        yield [",".join(map(str, chosen)), summary, of_each, *text]
