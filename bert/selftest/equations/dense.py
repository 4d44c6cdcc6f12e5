"""A dense layer: y = x W^T + b."""

import numpy as np

from bert.selftest.equations.parameters import Parameters


def dense(x: np.ndarray, parameters: Parameters) -> np.ndarray:
    """(tokens, inputs) -> (tokens, outputs); the weight is (outputs, inputs), the bias (outputs,)."""
    return x @ parameters["weight"].astype(np.float64).T + parameters["bias"]
