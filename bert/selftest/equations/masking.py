"""Masking: 15 % of the tokens are predicted. Of these 80 % become [MASK], 10 % random, 10 % stay (section 3.1)."""

import numpy as np


def tokens_to_predict(length: int) -> int:
    """How many tokens of an input are predicted: 15 % of its length, at least one. ``round`` is Python's.

    >>> [tokens_to_predict(length) for length in (3, 8, 10, 30, 128)]
    [1, 1, 2, 4, 19]
    """
    return max(1, round(0.15 * length))


def shares(before: np.ndarray, after: np.ndarray, is_predicted: np.ndarray, mask_id: int) -> np.ndarray:
    """Of the predicted tokens, the shares that are [MASK], another piece, and as before: (3,)"""
    old, new = before[is_predicted], after[is_predicted]
    is_mask = new == mask_id
    stays = ~is_mask & (new == old)
    return np.array([is_mask.mean(), (~is_mask & ~stays).mean(), stays.mean()])


def expected_shares(vocab_size: int) -> np.ndarray:
    """What ``shares`` must be: (3,). A random piece is any of the vocabulary, perhaps [MASK], or the token's own."""
    random = 0.1 / vocab_size
    return np.array([0.8 + random, 0.1 - 2 * random, 0.1 + random])
