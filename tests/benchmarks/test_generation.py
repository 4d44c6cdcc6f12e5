"""Both sides of the benchmark get the same sources, and outputs of one length."""

import numpy as np
import pytest
import torch

from benchmarks import generation
from benchmarks.generation import (
    CLS,
    LENGTH,
    LONGEST,
    MEAN,
    SEP,
    SHORTEST,
    make_writing,
    padded,
    save_talkative,
    sentences,
)
from bert.config import BertConfig

CPU = torch.device("cpu")


@pytest.fixture
def directory(tmp_path, monkeypatch):
    sizes = BertConfig.of_size(1, 16, num_attention_heads=2, vocab_size=generation.VOCABULARY)
    monkeypatch.setitem(generation.SIZES, "scratch", (sizes, sizes))
    save_talkative("scratch", tmp_path)
    return tmp_path


def test_sentences_are_about_as_long_as_multi30ks():
    rows = sentences(500, 100, seed=0)
    lengths = np.array(list(map(len, rows)))
    assert lengths.min() >= SHORTEST and lengths.max() <= LONGEST and abs(lengths.mean() - MEAN) < 1
    assert all(row[0] == CLS and row[-1] == SEP and row[1:-1].min() > SEP for row in rows)
    assert padded(rows).shape == (500, lengths.max())


@pytest.mark.parametrize("beams", [1, 3])
def test_every_output_has_the_same_length(directory, beams):
    outputs = make_writing("ours", directory, 3, beams, "fp32", CPU)()
    assert list(map(len, outputs)) == [LENGTH] * 3


@pytest.mark.peers
@pytest.mark.parametrize("beams", [1, 3])
def test_theirs_writes_what_ours_writes(directory, beams):
    pytest.importorskip("transformers")
    ours, theirs = (make_writing(name, directory, 3, beams, "fp32", CPU)() for name in ("ours", "eager"))
    assert ours == theirs
