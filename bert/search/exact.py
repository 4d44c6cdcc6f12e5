"""The nearest vectors, exactly: every vector is compared, block by block.

    vectors (rows, size), mapped   @   queries (size, queries)   ->   scores of a block   ->   the best so far

Reading the vectors takes the time: 154 MB for 100,000 of 384 numbers. So NumPy's product takes no longer than PyTorch's
(``benchmarks/search.py``).
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from bert.errors import InputError

BLOCK = 1 << 14  # vectors
# A cosine of two vectors of n numbers in float32 is off by less than n times this, in any order of the sum. Candidates
# within it are compared again in float64. There equal vectors have equal cosines.
ROUNDING = 2.0**-23


class Found(NamedTuple):
    """The vectors nearest to a query, the nearest first. Of equal cosines the first in the array comes first."""

    numbers: np.ndarray  # (top,) int64, or fewer if there are fewer vectors
    scores: np.ndarray  # (top,) float64, cosines


def nearest(vectors: np.ndarray, queries: np.ndarray, top: int, left_out: Iterable[int] = ()) -> list[Found]:
    """The nearest vectors of each query.

    Args:
        vectors: (rows, size) float32 of length 1, such as a mapped file.
        queries: (queries, size) float32 of length 1.
        left_out: numbers of vectors that are not to be found.

    Raises:
        InputError: if a cosine is not a number from -1 to 1: then the vectors are damaged.
    """
    best = [Found(np.zeros(0, np.int64), np.zeros(0)) for _ in queries]
    out = np.array(sorted(set(left_out)), np.int64)
    for start in range(0, len(vectors), BLOCK):
        rows = vectors[start : start + BLOCK]
        scores = np.ascontiguousarray((rows @ queries.T).T)  # (queries, rows)
        if not (scores.min() >= -1.001 and scores.max() <= 1.001):  # also if one is not a number
            raise InputError("a vector does not have the length 1; make the index again (python -m bert index)")
        scores[:, out[(out >= start) & (out < start + len(rows))] - start] = -np.inf
        for query, (vector, of_query) in enumerate(zip(queries, scores)):
            best[query] = _better(best[query], rows, start, vector, of_query, top)
    return best


def _better(best: Found, rows: np.ndarray, start: int, query: np.ndarray, scores: np.ndarray, top: int) -> Found:
    """The best so far and the candidates of a block: the ``top`` of both.

    Args:
        start: the number of the block's first vector.
        scores: (rows,) of the block, in float32; it is changed. -inf: left out.
    """
    if len(best.scores) == top:
        least = best.scores[-1]
    else:
        least = np.partition(scores, -top)[-top] if len(scores) > top else -np.inf
    candidates = np.flatnonzero((scores >= least - len(query) * ROUNDING) & (scores > -np.inf))
    if not len(candidates):
        return best
    numbers = np.concatenate([best.numbers, candidates + start])
    cosines = np.concatenate([best.scores, cosines_of(rows[candidates], query)])
    order = np.lexsort((numbers, -cosines))[:top]
    return Found(numbers[order], cosines[order])


def cosines_of(vectors: np.ndarray, query: np.ndarray) -> np.ndarray:
    """(rows,) float64: the cosine of each vector and the query. Equal vectors have equal ones, to the bit."""
    return (vectors.astype(np.float64) * query.astype(np.float64)).sum(axis=1)
