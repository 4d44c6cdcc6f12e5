"""Pairs as a batch."""

import numpy as np
import pytest

from bert.generation.batch import generation_batch


def test_the_decoder_reads_all_but_the_end_and_predicts_all_but_the_beginning():
    sources = [np.array([2, 7, 3]), np.array([2, 3])]
    types = [np.array([0, 0, 1]), np.array([0, 0])]
    batch = generation_batch(sources, types, [np.array([2, 11, 13, 3]), np.array([2, 3])])
    assert batch.input_ids.tolist() == [2, 7, 3, 2, 3] and batch.token_type_ids.tolist() == [0, 0, 1, 0, 0]
    assert batch.target.input_ids.tolist() == [2, 11, 13, 2]
    assert batch.target.sequences.boundaries.tolist() == [0, 3, 4]
    assert batch.labels["labels"].tolist() == [11, 13, 3, 3]


def test_a_target_without_an_end_or_a_source_without_a_target_is_refused():
    source = np.array([2, 3])
    with pytest.raises(ValueError, match=r"shorter than \[CLS\] \[SEP\]"):
        generation_batch([source], [source], [np.array([2])])
    with pytest.raises(ValueError, match="1 sources and 2 targets"):
        generation_batch([source], [source], [source, source])
