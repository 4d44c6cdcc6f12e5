"""Guesses without reading the text, by frequency alone. A pretrained model has to beat these guesses."""

import math
from collections.abc import Iterable

import numpy as np

from bert.heads.batch import Batch
from data.corpus.tokenized import TokenizedCorpus


def unigram_baseline(corpus: TokenizedCorpus, batches: Iterable[Batch]) -> tuple[float, float]:
    """The loss and accuracy of guessing each piece that ``batches`` ask for by frequency alone.

    We count tokens in the training documents and add one to each count. So no token is impossible. The ``[SEP]`` that
    ends a sequence is in no document. If it is asked for as a next token, its share is the one that it has in
    ``batches``.

    Returns:
        The cross-entropy of the unigram distribution, in nats. And the accuracy of always naming the most frequent
        token. Both are nan if there is no label.
    """
    counts = corpus.training_counts + 1.0
    labels, ends = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for batch in batches:
        if "next_token_labels" in batch.labels:
            labels.append(batch.labels["next_token_labels"].numpy())
            ends.append(batch.input_ids[batch.sequences.boundaries[1:].long() - 1].numpy())
        else:
            labels.append(batch.labels["masked_labels"].numpy())
    labels, ends = np.concatenate(labels), np.concatenate(ends)
    if len(labels) == 0:
        return float("nan"), float("nan")
    if 0 < len(ends) < len(labels):
        counts[ends[0]] = (counts.sum() - counts[ends[0]]) * len(ends) / (len(labels) - len(ends))
    log_probabilities = np.log(counts / counts.sum())
    return float(-log_probabilities[labels].mean()), float((labels == counts.argmax()).mean())


def majority_baseline(share: float) -> tuple[float, float]:
    """The loss and accuracy of guessing one of two labels by frequency alone.

    Args:
        share: of the examples, how many have one of the labels, from 0 to 1.

    Returns:
        The entropy of the labels, in nats: no guess that ignores the text has a lower loss. And the accuracy of always
        naming the more frequent label; nan if ``share`` is.

    >>> majority_baseline(0.5)
    (0.6931471805599453, 0.5)
    """
    entropy = -sum(part * math.log(part) for part in (share, 1 - share) if part != 0)
    return entropy, max(share, 1 - share)


def count_pairs(batches: Iterable[Batch]) -> tuple[int, int]:
    """How many sentence pairs of ``batches`` are random, and how many there are. (0, 0) without NSP."""
    labels = [batch.labels["next_sentence_labels"] for batch in batches if "next_sentence_labels" in batch.labels]
    return sum(int(each.sum()) for each in labels), sum(map(len, labels))
