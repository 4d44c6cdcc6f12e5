"""The input: a word, a position and a segment, each a learned vector, added up (Devlin et al. 2018, figure 2)."""

from collections.abc import Sequence

import numpy as np

from bert.selftest.equations.layer_norm import layer_norm
from bert.selftest.equations.parameters import Parameters, part


def positions(lengths: Sequence[int]) -> np.ndarray:
    """(tokens,) each token's position in its own sequence.

    >>> positions([3, 2])
    array([0, 1, 2, 0, 1])
    """
    return np.concatenate([np.arange(length) for length in lengths])


def embeddings(
    input_ids: np.ndarray, token_type_ids: np.ndarray, lengths: Sequence[int], parameters: Parameters, eps: float
) -> np.ndarray:
    """Two of (tokens,), of sequences end to end -> (tokens, hidden_size)"""
    words = parameters["word_embeddings.weight"].astype(np.float64)[input_ids]
    places = parameters["position_embeddings.weight"].astype(np.float64)[positions(lengths)]
    segments = parameters["token_type_embeddings.weight"].astype(np.float64)[token_type_ids]
    return layer_norm(words + places + segments, part(parameters, "layer_norm"), eps)
