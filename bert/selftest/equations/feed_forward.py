"""The feed-forward network: each token alone, up to intermediate_size and down again (Vaswani et al. 2017, 3.3)."""

import numpy as np

from bert.selftest.equations.activations import ACTIVATIONS
from bert.selftest.equations.dense import dense
from bert.selftest.equations.parameters import Parameters, part


def feed_forward(states: np.ndarray, parameters: Parameters, activation: str) -> np.ndarray:
    """(tokens, hidden_size) -> (tokens, hidden_size)"""
    raised = ACTIVATIONS[activation](dense(states, part(parameters, "intermediate")))
    return dense(raised, part(parameters, "output"))
