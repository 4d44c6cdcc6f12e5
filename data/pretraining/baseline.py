"""Guesses the masked tokens without reading the text. A pretrained model has to beat these guesses."""

from collections.abc import Iterable

import numpy as np

from bert.heads.batch import Batch
from data.corpus.tokenized import TokenizedCorpus


def unigram_baseline(corpus: TokenizedCorpus, batches: Iterable[Batch]) -> tuple[float, float]:
    """The loss and accuracy of guessing each masked token of ``batches`` by frequency alone.

    We count tokens in the training documents and add one to each count. So no token is impossible.

    Returns:
        The cross-entropy of the unigram distribution, in nats. And the accuracy of always naming the most frequent
        token. Both are nan if there is no label.
    """
    counts = corpus.training_counts + 1
    log_probabilities = np.log(counts / counts.sum())
    labels = np.concatenate([batch.labels["masked_labels"].numpy() for batch in batches] or [np.zeros(0, np.int64)])
    if len(labels) == 0:
        return float("nan"), float("nan")
    return float(-log_probabilities[labels].mean()), float((labels == counts.argmax()).mean())
