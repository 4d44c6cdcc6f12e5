"""AdamW as BERT has it: Adam without bias correction, and weight decay beside it (google-research, optimization.py).

    m = beta1 * m + (1 - beta1) * gradient
    v = beta2 * v + (1 - beta2) * gradient^2
    parameter = parameter - rate * (m / (sqrt(v) + epsilon) + decay * parameter)

m and v begin at 0. The parameter on the right is the old one. Biases and LayerNorms have no decay.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class AdamW:
    """The constants of an update."""

    rate: float
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-6
    decay: float = 0.01


def trained(parameter: np.ndarray, gradients: Sequence[np.ndarray], constants: AdamW) -> np.ndarray:
    """The parameter after an update with each of the gradients, which have its shape."""
    m, v = np.zeros_like(parameter), np.zeros_like(parameter)
    for gradient in gradients:
        m = constants.beta1 * m + (1 - constants.beta1) * gradient
        v = constants.beta2 * v + (1 - constants.beta2) * gradient**2
        update = m / (np.sqrt(v) + constants.epsilon) + constants.decay * parameter
        parameter = parameter - constants.rate * update
    return parameter


def is_decayed(name: str) -> bool:
    """Whether a parameter of this name is decayed.

    >>> [is_decayed(name) for name in ("query.weight", "query.bias", "attention_norm.weight", "layer_norm.bias")]
    [True, False, False, False]
    """
    *_, module, kind = name.split(".")
    return kind != "bias" and not module.endswith("norm")
