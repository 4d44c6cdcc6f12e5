"""A dictionary that computes missing values, and forgets all when it is full.

Text repeats itself. 16 MB of film reviews have 2.8 million chunks between white space; nine in ten are repetitions.
So a tokenizer with a memo is as fast as a dictionary. The limit protects memory from chunks that never repeat, such
as hashes or an attack.
"""

from collections.abc import Callable


class Memo(dict):
    """Maps a key to ``compute(key)``, remembering at most ``limit`` results.

    Only ``memo[key]`` computes. A look-up of a known key never leaves C. So ``map(memo.__getitem__, keys)`` is Python's
    fastest loop.

    A full memo is emptied. Frequent keys are soon back, and no look-up pays for tracking the oldest entry. A string
    longer than ``longest_key`` is never remembered, or a few endless words could fill the memory.
    """

    def __init__(self, compute: Callable, limit: int, longest_key: int | None = None):
        super().__init__()
        self.compute = compute
        self.limit = limit
        self.longest_key = longest_key

    def __missing__(self, key):
        value = self.compute(key)
        if self.longest_key is None or len(key) <= self.longest_key:
            if len(self) >= self.limit:
                self.clear()
            self[key] = value
        return value
