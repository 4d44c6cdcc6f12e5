"""How well a search finds: each query ranks all texts by the cosine, and its relevant texts should come first.

    texts by score    b  d  a  c  e          of which a and d are relevant:  ranks 2 and 3
    recall@1          0 of 2 relevant texts are among the first 1
    recall@10         2 of 2
    mrr@10            1 / 2, of the first relevant text; 0 if none is among the first 10
    ndcg@10           (1 / log2(3) + 1 / log2(4)) / (1 / log2(2) + 1 / log2(3))

A relevant text comes after all irrelevant ones of the same score. So a model that gives every text the same vector
finds nothing. Sources: Voorhees 1999 (MRR); Järvelin & Kekäläinen 2002 (nDCG, here with gains of 0 and 1).
"""

from collections.abc import Sequence

import numpy as np

RANKING_METRICS = ("mrr@10", "recall@1", "recall@10", "ndcg@10")
FIRST = 10  # so many texts a reader looks at
QUERIES_AT_A_TIME = 1_024  # their scores of all texts are in memory together


def directions(vectors: np.ndarray) -> np.ndarray:
    """Vectors (..., size), each divided by its length. One of length 0 stays as it is."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1)


def ranks_of_relevant(scores: np.ndarray, relevant: Sequence[int]) -> np.ndarray:
    """The ranks of the relevant texts, from 1, ascending: (relevant,) int64.

    >>> ranks_of_relevant(np.array([0.3, 0.9, 0.2, 0.8]), [0, 3])
    array([2, 3])
    >>> ranks_of_relevant(np.array([0.5, 0.5, 0.5]), [0])
    array([3])

    Args:
        scores: (texts,) of one query.
        relevant: the indices of the texts that answer it.
    """
    own = -np.sort(-scores[list(relevant)])
    others = np.sort(np.delete(scores, list(relevant)))
    not_below = len(others) - np.searchsorted(others, own, side="left")  # a tie counts against the relevant text
    return not_below + np.arange(1, len(own) + 1)


def ranking_metrics(ranks: Sequence[np.ndarray]) -> dict[str, float]:
    """The means of ``RANKING_METRICS`` over queries.

    Args:
        ranks: of each query's relevant texts, as ``ranks_of_relevant`` gives them.
    """
    gains = 1 / np.log2(np.arange(2, FIRST + 2))  # of the texts at ranks 1, 2, ...
    by_query = np.array([
        (
            1 / each[0] if each[0] <= FIRST else 0.0,
            np.mean(each <= 1),
            np.mean(each <= FIRST),
            gains[each[each <= FIRST] - 1].sum() / gains[: len(each)].sum(),
        )
        for each in ranks
    ])  # fmt: skip
    return dict(zip(RANKING_METRICS, by_query.mean(axis=0).tolist()))


def first_places(scores: np.ndarray, count: int) -> list[int]:
    """The indices of the highest scores (texts,), the highest first. Of equals the first."""
    return np.argsort(-scores, kind="stable")[:count].tolist()
