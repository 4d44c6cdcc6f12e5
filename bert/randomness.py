"""Random numbers by name: each is a function of its name, not of the numbers drawn before.

With a generator object, an example's mask would depend on the order of the examples. Here a number has a name:
``random_bits(seed, epoch, purpose, example, position)``. It is the same in every worker, process and batch.

The function is splitmix64: it adds the golden ratio to a counter, then mixes the bits. Each part of the name takes
one step. Source: Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators".
"""

from functools import lru_cache

import numpy as np

_GOLDEN_RATIO = np.uint64(0x9E3779B97F4A7C15)
_ALL_BITS = (1 << 64) - 1


def random_bits(*name) -> np.ndarray:
    """64 random bits for each name. Its parts are integers or arrays of integers, broadcast together.

    Returns:
        uint64 array of the parts' common shape; (1,) if all parts are plain integers.
    """
    plain = 0  # how many of the first parts are plain integers: their state is cached
    while plain < len(name) and isinstance(name[plain], int):
        plain += 1
    state = _state_after(name[:plain])
    for part in name[plain:]:
        state = _step(state, np.uint64(part & _ALL_BITS) if isinstance(part, int) else part.astype(np.uint64))
    return state


def random_fractions(*name) -> np.ndarray:
    """Uniform float64 in [0, 1) for each name (see ``random_bits``)."""
    return (random_bits(*name) >> np.uint64(11)) * 2.0**-53


def random_integers(low, high, *name) -> np.ndarray:
    """Uniform int64 from ``low`` to ``high``, both included, for each name. The limits may be arrays."""
    return low + (random_fractions(*name) * (high - low + 1)).astype(np.int64)


def fair_coins(counts: np.ndarray, *name) -> np.ndarray:
    """How many of ``counts`` coins show heads, for each name: binomial with p = 1/2, counted in random bits."""
    heads = np.zeros_like(counts)
    for first in range(0, int(counts.max(initial=0)), 64):
        remaining = np.clip(counts - first, 0, 64).astype(np.uint64)
        # A shift by 64, for no coins, is undefined. It is limited to 63; its result is not counted below.
        bits = random_bits(*name, first) >> np.minimum(np.uint64(64) - remaining, np.uint64(63))
        heads += np.where(remaining > 0, np.bitwise_count(bits), 0)
    return heads


def shuffled(positions: np.ndarray, size: int, *name) -> np.ndarray:
    """The indices at ``positions`` in a random order of 0 ... size - 1.

    The order is never stored: it costs no memory, and no time before the first index. A Feistel network permutes the
    smallest 4^n that is at least ``size``. An index of ``size`` or more is permuted again until it is smaller. With
    eight rounds even tiny sizes pass as uniform; with four, some indices are a third too likely.
    Source: Black & Rogaway 2002, "Ciphers with arbitrary finite domains".
    """
    half = np.uint64(max(1, ((size - 1).bit_length() + 1) // 2))  # bits in each half of an index
    low_bits = (np.uint64(1) << half) - np.uint64(1)
    indices = positions.astype(np.uint64)
    outside = np.ones(len(indices), bool)
    while outside.any():
        left, right = indices[outside] >> half, indices[outside] & low_bits
        for feistel_round in range(8):
            left, right = right, left ^ (random_bits(*name, feistel_round, right) & low_bits)
        indices[outside] = left << half | right
        outside = indices >= size
    return indices.astype(np.int64)


@lru_cache(maxsize=1 << 10)
def _state_after(integers: tuple[int, ...]) -> np.ndarray:
    state = np.zeros(1, np.uint64)
    for integer in integers:
        state = _step(state, np.uint64(integer & _ALL_BITS))
    state.flags.writeable = False
    return state


def _step(state: np.ndarray, steps: np.ndarray | np.uint64) -> np.ndarray:
    """The state of the next part: the generator's output ``steps`` + 1 steps after ``state``."""
    with np.errstate(over="ignore"):  # arithmetic is modulo 2 to the 64
        state = state + _GOLDEN_RATIO * (steps + np.uint64(1))
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return state ^ (state >> np.uint64(31))
