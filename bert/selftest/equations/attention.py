"""Attention: each token takes from each token of its own sequence (Vaswani et al. 2017, section 3.2).

    scores[i, j]  = query[i] . key[j] / sqrt(dim)
    weights[i]    = softmax(scores[i]): exp(scores[i, j]) / sum over k of exp(scores[i, k])
    attended[i]   = sum over j of weights[i, j] * value[j]

A head sees its own slice of every query, key and value. The heads' results stand side by side again, and a dense layer
mixes them.
"""

import math
from collections.abc import Iterable, Sequence
from itertools import repeat

import numpy as np

from bert.selftest.equations.dense import dense
from bert.selftest.equations.parameters import Parameters, part


def softmax(scores: np.ndarray) -> np.ndarray:
    """Over the last axis. Taking the largest score off changes nothing, and no exponential overflows."""
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def attention_weights(query: np.ndarray, key: np.ndarray) -> np.ndarray:
    """One head of one sequence: (queries, dim) and (keys, dim) -> (queries, keys)"""
    scores = np.empty((len(query), len(key)))
    for i in range(len(query)):
        scores[i] = key @ query[i] / math.sqrt(query.shape[1])
    return softmax(scores)


def multi_head_attention(
    states: np.ndarray, lengths: Sequence[int], parameters: Parameters, heads: int,
    factors: Iterable[np.ndarray | float] = repeat(1.0),
) -> tuple[np.ndarray, list[np.ndarray]]:  # fmt: skip
    """Self-attention of sequences end to end.

    Args:
        states: (tokens, hidden_size)
        factors: of each sequence what dropout multiplies its weights by, (heads, length, length).

    Returns:
        (tokens, hidden_size), and of each sequence the weights before dropout, (heads, length, length).
    """
    query, key, value = (dense(states, part(parameters, name)) for name in ("query", "key", "value"))
    dim = states.shape[1] // heads
    attended, all_weights = np.empty_like(states), []
    start = 0
    for length, its_factors in zip(lengths, factors):
        tokens = slice(start, start + length)
        its_weights = np.empty((heads, length, length))
        for head in range(heads):
            of_head = slice(head * dim, (head + 1) * dim)
            its_weights[head] = attention_weights(query[tokens, of_head], key[tokens, of_head])
        dropped = its_weights * its_factors
        for head in range(heads):
            of_head = slice(head * dim, (head + 1) * dim)
            attended[tokens, of_head] = dropped[head] @ value[tokens, of_head]
        all_weights.append(its_weights)
        start += length
    return dense(attended, part(parameters, "output")), all_weights
