"""Next-token prediction asks each token for the one after it, in the text as it was."""

from itertools import chain, pairwise

import numpy as np
import torch

from bert.heads.batch import Batch
from data.pretraining.next_token import predict_next

MASK = 4


def masked_batch(rows: list[list[int]], masked: list[int]) -> Batch:
    """The rows with [MASK] at the indices of ``masked``."""
    ids = np.concatenate([np.array(row) for row in rows])
    shown = ids.copy()
    shown[masked] = MASK
    parts = np.split(shown, np.cumsum([len(row) for row in rows])[:-1])
    return Batch.of(parts, [np.zeros(len(row), int) for row in rows], masked, masked_labels=ids[masked])


def test_each_token_but_the_last_of_its_sequence_predicts_the_one_after_it():
    rows = [[2, 11, 12, 13, 3], [2, 21, 3], [2, 31, 32, 3]]
    masked = masked_batch(rows, [2, 3, 6, 9])
    batch = predict_next(masked)
    pairs = [(token, following) for row in rows for token, following in pairwise(row)]
    assert batch.input_ids.tolist() == list(chain.from_iterable(rows))
    found = zip(batch.input_ids[batch.selected].tolist(), batch.labels["next_token_labels"].tolist())
    assert list(found) == pairs
    assert batch.labels.keys() == {"next_token_labels"}
    assert batch.sequences is masked.sequences
    assert masked.input_ids.tolist() != batch.input_ids.tolist()  # its argument stays as it was


def test_sequences_of_one_token_predict_nothing():
    batch = predict_next(masked_batch([[2], [2, 3], [2]], [1]))
    assert batch.selected.tolist() == [1]
    assert batch.labels["next_token_labels"].tolist() == [3]
    assert batch.selected.dtype == torch.int64
