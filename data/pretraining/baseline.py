"""How well the masked pieces can be guessed without reading the text: what a pretrained model has to beat."""

from collections.abc import Iterable

import numpy as np

from bert.heads.batch import Batch
from data.corpus.tokenized import TokenizedCorpus


def unigram_baseline(shards: TokenizedCorpus, batches: Iterable[Batch]) -> tuple[float, float]:
    """The loss and accuracy of guessing every masked piece of ``batches`` from how frequent pieces are.

    The frequencies are those of the training documents, with one added to each, so that no piece is impossible.

    Returns:
        The cross-entropy in nats of the unigram distribution, and the accuracy of always naming the most frequent
        piece. (nan, nan) where there is no label.
    """
    counts = shards.training_counts + 1
    log_probabilities = np.log(counts / counts.sum())
    labels = np.concatenate([batch.labels["masked_labels"].numpy() for batch in batches] or [np.zeros(0, np.int64)])
    if len(labels) == 0:
        return float("nan"), float("nan")
    return float(-log_probabilities[labels].mean()), float((labels == counts.argmax()).mean())
