"""A unigram model's cut: of all ways to cut a word into pieces, the most probable (Kudo 2018, section 3.1).

The pieces' log-probabilities add up. Here every cut is tried: 2^(n - 1) of a word of n characters.
"""

import math


def best_score(word: str, scores: dict[str, float]) -> float:
    """The highest sum of scores of any cut into known pieces; -inf if there is none.

    >>> best_score("abc", {"a": -1.0, "bc": -4.0, "ab": -2.0, "c": -2.5})
    -4.5
    """
    if not word:
        return 0.0
    cuts = [
        scores[word[:end]] + best_score(word[end:], scores) for end in range(1, len(word) + 1) if word[:end] in scores
    ]
    return max(cuts, default=-math.inf)
