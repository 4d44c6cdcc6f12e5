import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from bert.heads.batch import Batch
from data.corpus.tokenized import TokenizedCorpus
from data.pretraining.baseline import count_pairs, majority_baseline, unigram_baseline
from data.pretraining.next_token import predict_next


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


def test_of_next_tokens_the_end_of_a_sequence_has_its_own_share():
    def read(*ids):
        row = np.array(ids)
        return predict_next(Batch.of([row], [np.zeros_like(row)], selected=[1], masked_labels=row[1:2]))

    batches = [read(2, 4, 4, 3), read(2, 5, 3)]  # [CLS] is 2 and [SEP] is 3; the next tokens: 4 4 [SEP] 5 [SEP]
    loss, accuracy = unigram_baseline(corpus([0, 0, 0, 0, 5, 1]), batches)  # smoothed: 1 1 1 . 6 2, of 11
    shares = {3: 2 / 5, 4: 3 / 5 * 6 / 11, 5: 3 / 5 * 2 / 11}
    assert loss == pytest.approx(-sum(math.log(shares[token]) for token in (4, 4, 3, 5, 3)) / 5)
    assert accuracy == 0.4  # "[SEP]" is the most frequent


def test_without_batches_there_is_no_baseline():
    assert all(map(math.isnan, unigram_baseline(corpus([1, 2]), [])))


def test_the_majority_baseline_is_the_entropy_of_the_labels_and_the_share_of_the_more_frequent():
    labels = torch.tensor([1] * 7 + [0] * 3)
    share = labels.double().mean().item()
    constant = torch.tensor([[1 - share, share]], dtype=torch.float64).log().expand(10, 2)
    loss, accuracy = majority_baseline(share)
    assert loss == pytest.approx(F.cross_entropy(constant, labels).item())
    assert accuracy == majority_baseline(1 - share)[1] == 0.7
    assert majority_baseline(1.0) == (0.0, 1.0)


def test_random_pairs_are_counted_in_all_batches():
    labels = [torch.tensor([1, 0, 1]), torch.tensor([0, 1])]
    batches = [replace(batch(0, 1), labels={"next_sentence_labels": each}) for each in labels]
    assert count_pairs(batches) == (3, 5)
    assert count_pairs([batch(0, 1)]) == count_pairs([]) == (0, 0)
