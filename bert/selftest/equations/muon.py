"""Muon's update of a matrix (Jordan et al. 2024; Liu et al. 2025), by singular values.

    m = 0.95 * m + 0.05 * gradient
    U S V^T = 0.95 * m + 0.05 * gradient
    parameter = parameter - rate * (0.2 * sqrt(max(rows, columns)) * U p(S / |S|) V^T + decay * parameter)

m begins at 0. |S| is the root of the sum of squares. p is s -> 3.4445 s - 4.7750 s^3 + 2.0315 s^5, five times. It takes
all but the smallest singular values near 1.
"""

from collections.abc import Sequence

import numpy as np


def trained(parameter: np.ndarray, gradients: Sequence[np.ndarray], rate: float, decay: float) -> np.ndarray:
    """The matrix after an update with each of the gradients, which have its shape."""
    m = np.zeros_like(parameter)
    for gradient in gradients:
        m = 0.95 * m + 0.05 * gradient
        u, s, vt = np.linalg.svd(0.95 * m + 0.05 * gradient, full_matrices=False)
        s /= np.linalg.norm(s) + 1e-7  # as the code has it: a matrix of zeros stays one
        for _ in range(5):
            s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
        update = 0.2 * max(parameter.shape) ** 0.5 * (u * s @ vt)
        parameter = parameter - rate * (update + decay * parameter)
    return parameter
