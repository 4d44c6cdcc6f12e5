"""The head of the masked language model: a score for each piece of the vocabulary (Devlin et al. 2018, section 3.1).

    scores = LayerNorm(GELU(x W^T + b)) E^T + bias

E is the table of word embeddings. The table of the input is the output's, too.
"""

import numpy as np

from bert.selftest.equations.activations import ACTIVATIONS
from bert.selftest.equations.dense import dense
from bert.selftest.equations.layer_norm import layer_norm
from bert.selftest.equations.parameters import Parameters, part


def piece_scores(
    states: np.ndarray, word_embeddings: np.ndarray, parameters: Parameters, activation: str, eps: float
) -> np.ndarray:
    """(tokens, hidden_size) and (vocab_size, hidden_size) -> (tokens, vocab_size)"""
    raised = ACTIVATIONS[activation](dense(states, part(parameters, "dense")))
    normal = layer_norm(raised, part(parameters, "layer_norm"), eps)
    return normal @ word_embeddings.astype(np.float64).T + parameters["bias"]
