"""How a batch's real tokens stand end to end: found by the loader, for a GPU that would have to wait to find it out."""

import numpy as np

MOST_TOTALS = 32  # a packed batch's number of tokens is rounded up to one of at most so many
TOTAL_MULTIPLE = 64  # each of which is a multiple of this


def lay_end_to_end(real: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How a batch's tokens stand end to end, without its padding (see ``bert.model.packing``).

    A few tokens of padding go along, as sequences of their own, so that batches of one length and number of rows have
    few shapes, and these are such as matrix units like.

    Args:
        real: (batch, seq) bool: what is not padding, at the beginning of each row.

    Returns:
        (tokens,) int64 where each token stands in the flattened (batch * seq); and (sequences + 1,) int32 where each
        sequence begins among these tokens, and where the last one ends, of which as many as the shape of ``real`` needs
        at most; those that it does not need are empty.
    """
    batch, seq = real.shape
    together = -(-batch * seq // (MOST_TOTALS * TOTAL_MULTIPLE)) * TOTAL_MULTIPLE
    places, lengths = np.flatnonzero(real), real.sum(axis=1)
    missing = min(-len(places) % together, real.size - len(places))
    padding = np.flatnonzero(~real)[:missing]
    of_padding = np.clip(missing - seq * np.arange(-(-together // seq)), 0, seq)
    boundaries = np.concatenate([[0], np.cumsum(np.concatenate([lengths, of_padding]))])
    return np.concatenate([places, padding]), boundaries.astype(np.int32)
