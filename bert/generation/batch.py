"""Pairs of source and target as a batch. The decoder reads a target without its end, and predicts the next pieces.

the target          [CLS]  ein   Hund  [SEP]
the decoder reads   [CLS]  ein   Hund
and predicts         ein   Hund  [SEP]
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bert.heads.batch import Batch


def generation_batch(
    sources: Sequence[np.ndarray], token_types: Sequence[np.ndarray], targets: Sequence[np.ndarray]
) -> Batch:
    """The batch of pairs given one by one.

    Args:
        sources, token_types: the ids and token types of each source, (seq,) integers.
        targets: the ids of each target, [CLS] and [SEP] included.

    Raises:
        ValueError: if a target has less than these two.
    """
    if len(sources) != len(targets):
        raise ValueError(f"there are {len(sources)} sources and {len(targets)} targets")
    if min(map(len, targets), default=2) < 2:
        raise ValueError("a target is shorter than [CLS] [SEP]")
    read = [target[:-1] for target in targets]
    target = Batch.of(read, [np.zeros_like(row) for row in read])
    labels = np.concatenate([target[1:] for target in targets], dtype=np.int64)
    return replace(Batch.of(sources, token_types, labels=labels), target=target)
