import math

import numpy as np

from bert.heads.batch import Batch
from data.corpus.tokenized import TokenizedCorpus
from data.pretraining.baseline import unigram_baseline


def corpus(counts):
    nothing = np.zeros(0, np.int64)
    return TokenizedCorpus(nothing, nothing, nothing, nothing, np.array(counts))


def batch(*labels):
    row = np.arange(len(labels))
    return Batch.of([row], [np.zeros_like(row)], selected=row, masked_labels=np.array(labels))


def test_the_baseline_is_the_cross_entropy_of_smoothed_frequencies():
    loss, accuracy = unigram_baseline(corpus([1, 5, 0]), [batch(0, 1), batch(1, 2)])  # smoothed: 2/9, 6/9, 1/9
    assert math.isclose(loss, -(math.log(2 / 9) + 2 * math.log(6 / 9) + math.log(1 / 9)) / 4)
    assert accuracy == 0.5


def test_without_batches_there_is_no_baseline():
    assert all(map(math.isnan, unigram_baseline(corpus([1, 2]), [])))
