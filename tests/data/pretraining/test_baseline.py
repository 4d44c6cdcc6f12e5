import math

import numpy as np
import torch

from data.corpus.tokenized import TokenizedCorpus
from data.pretraining.baseline import unigram_baseline
from data.pretraining.layout import IGNORE_INDEX


def shards(counts):
    nothing = np.zeros(0, np.int64)
    return TokenizedCorpus(nothing, nothing, nothing, nothing, np.array(counts))


def test_the_baseline_is_the_cross_entropy_of_smoothed_frequencies():
    batches = [{"masked_labels": torch.tensor([0, 1])}, {"masked_labels": torch.tensor([1, IGNORE_INDEX, 2])}]
    loss, accuracy = unigram_baseline(shards([1, 5, 0]), batches)  # smoothed: 2/9, 6/9, 1/9
    assert math.isclose(loss, -(math.log(2 / 9) + 2 * math.log(6 / 9) + math.log(1 / 9)) / 4)
    assert accuracy == 0.5


def test_without_batches_there_is_no_baseline():
    assert all(map(math.isnan, unigram_baseline(shards([1, 2]), [])))
