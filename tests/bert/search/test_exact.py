"""Exact search finds what brute force finds, in the same order."""

import numpy as np
import pytest

from bert.errors import InputError
from bert.search import exact
from bert.search.exact import nearest
from bert.search.vectors import normalized


@pytest.fixture
def vectors(monkeypatch):
    monkeypatch.setattr(exact, "BLOCK", 17)
    random = np.random.default_rng(0)
    vectors = normalized(random.standard_normal((101, 13)))
    vectors[random.integers(0, 101, 60)] = vectors[random.integers(0, 101, 60)]  # equal vectors, in all blocks
    return vectors


def by_force(vectors, query, top, left_out=()):
    """(number, cosine), the best first, and of equal ones the first in the array."""
    pairs = [
        (number, float((vector.astype(float) * query.astype(float)).sum()))
        for number, vector in enumerate(vectors)
        if number not in left_out
    ]
    return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))[:top]


@pytest.mark.parametrize("top", [1, 10, 40, 101, 200])
def test_it_finds_what_brute_force_finds_with_ties_in_the_order_of_the_file(vectors, top):
    queries = np.concatenate([vectors[:5], normalized(np.random.default_rng(1).standard_normal((4, 13)))])
    for query, found in zip(queries, nearest(vectors, queries, top), strict=True):
        assert list(zip(found.numbers.tolist(), found.scores.tolist())) == by_force(vectors, query, top)
    (alone,) = nearest(vectors, queries[3:4], top)  # whatever queries stand beside it
    assert alone.numbers.tolist() == nearest(vectors, queries, top)[3].numbers.tolist()


def test_there_are_ties_and_float32_alone_would_not_keep_their_order(vectors):
    """The control: products of float32 differ between equal vectors, or order near ones otherwise."""
    cosines = [cosine for _, cosine in by_force(vectors, vectors[3], 101)]
    assert len(set(cosines)) < 80
    random = np.random.default_rng(2)
    base = random.standard_normal(384)
    near = normalized(base + 1e-4 * random.standard_normal((3000, 384)))
    expected = [number for number, _ in by_force(near, near[0], 100)]
    (found,) = nearest(near, near[:1], 100)
    assert found.numbers.tolist() == expected
    assert np.argsort(-(near @ near[0]), kind="stable")[:100].tolist() != expected


def test_what_is_left_out_is_not_found(vectors):
    left_out = {number for number, _ in by_force(vectors, vectors[7], 30)} - {2}
    (found,) = nearest(vectors, vectors[7:8], 40, left_out)
    assert list(zip(*(part.tolist() for part in found))) == by_force(vectors, vectors[7], 40, left_out)
    (none,) = nearest(vectors, vectors[7:8], 40, range(101))
    assert len(none.numbers) == 0


@pytest.mark.parametrize("value", [np.nan, np.inf, 30.0])
def test_vectors_with_impossible_cosines_are_refused(vectors, value):
    vectors[50, 2] = value
    with pytest.raises(InputError, match="does not have the length 1"):
        nearest(vectors, vectors[:1], 3)
