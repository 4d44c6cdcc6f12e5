"""Batches are laid end to end without their padding, in few shapes."""

import numpy as np

from data.packing import lay_end_to_end


def test_tokens_lie_end_to_end_with_a_little_padding_as_sequences_of_its_own():
    real = np.arange(16) < np.array([5, 16, 1, 9] * 100)[:, None]  # 3,100 of 6,400 tokens
    places, boundaries = lay_end_to_end(real)
    assert len(places) == 3_328 and len(set(places.tolist())) == 3_328  # of 256
    assert places[:3_100].tolist() == np.flatnonzero(real).tolist()
    assert not real.ravel()[places[3_100:]].any()
    assert len(boundaries) == 1 + 400 + 256 // 16 and boundaries.dtype == np.int32
    assert np.diff(boundaries)[:400].tolist() == [5, 16, 1, 9] * 100
    assert np.diff(boundaries)[400:].tolist() == [*[16] * 14, 4, 0]
    places, boundaries = lay_end_to_end(np.ones((4, 16), bool))
    assert places.tolist() == list(range(64)) and boundaries.tolist() == [0, 16, 32, 48, 64, 64, 64, 64, 64]
