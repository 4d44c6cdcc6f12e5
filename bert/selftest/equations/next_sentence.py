"""The head of next sentence prediction: two scores from the pooled [CLS]. 0: B follows A; 1: B is random."""

import numpy as np

from bert.selftest.equations.dense import dense
from bert.selftest.equations.parameters import Parameters, part


def next_sentence_scores(pooled: np.ndarray, parameters: Parameters) -> np.ndarray:
    """(sequences, hidden_size) -> (sequences, 2)"""
    return dense(pooled, part(parameters, "classifier"))
