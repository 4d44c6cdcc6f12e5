"""The pooler: a dense layer and tanh over [CLS], the first token of each sequence."""

from collections.abc import Sequence

import numpy as np

from bert.selftest.equations.dense import dense
from bert.selftest.equations.parameters import Parameters, part


def pooler(states: np.ndarray, lengths: Sequence[int], parameters: Parameters) -> np.ndarray:
    """(tokens, hidden_size) -> (sequences, hidden_size)"""
    first = np.cumsum([0, *lengths[:-1]])
    return np.tanh(dense(states[first], part(parameters, "dense")))
