"""LayerNorm (Ba et al. 2016): each token's numbers get mean 0 and variance 1, then a learned scale and shift.

    y = (x - mean) / sqrt(variance + eps) * weight + bias

The mean and the variance are over a token's own numbers, never over the batch. The variance divides by the number of
numbers, not by one less.
"""

import numpy as np

from bert.selftest.equations.parameters import Parameters


def layer_norm(x: np.ndarray, parameters: Parameters, eps: float) -> np.ndarray:
    """(tokens, hidden_size) -> (tokens, hidden_size)"""
    mean = x.mean(axis=1, keepdims=True)
    variance = ((x - mean) ** 2).mean(axis=1, keepdims=True)
    return (x - mean) / np.sqrt(variance + eps) * parameters["weight"] + parameters["bias"]
