"""The activations, by the names that a configuration has for them.

exact GELU          x * Phi(x), with Phi(x) = (1 + erf(x / sqrt(2))) / 2       (Hendrycks & Gimpel 2016)
its tanh form       x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))
quick GELU          x * sigmoid(1.702 x)
"""

import math

import numpy as np


def gelu(x: np.ndarray) -> np.ndarray:
    """Any shape -> the same shape."""
    erf = np.array([math.erf(value / math.sqrt(2)) for value in x.flat]).reshape(x.shape)
    return x * (1 + erf) / 2


def tanh_gelu(x: np.ndarray) -> np.ndarray:
    """Any shape -> the same shape."""
    return x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def silu(x: np.ndarray, slope: float = 1.0) -> np.ndarray:
    """x * sigmoid(slope * x): any shape -> the same shape."""
    return x / (1 + np.exp(-slope * x))


ACTIVATIONS = {
    "gelu": gelu,
    "gelu_python": gelu,
    "gelu_new": tanh_gelu,
    "gelu_pytorch_tanh": tanh_gelu,
    "gelu_python_tanh": tanh_gelu,
    "gelu_fast": tanh_gelu,
    "gelu_accurate": tanh_gelu,
    "gelu_10": lambda x: np.minimum(gelu(x), 10),
    "quick_gelu": lambda x: silu(x, slope=1.702),
    "relu": lambda x: np.maximum(x, 0),
    "silu": silu,
    "swish": silu,
}
