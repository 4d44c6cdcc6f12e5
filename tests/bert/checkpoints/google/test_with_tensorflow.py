"""Beside TensorFlow itself: we read what it writes, and it reads what we write.

TensorFlow is no requirement. A test runs if it can be imported, or if BERT_TENSORFLOW names a Python that has it.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from bert.checkpoints.directory import load_checkpoint
from bert.checkpoints.google.bundle import Bundle
from bert.checkpoints.google.write import save_google_checkpoint, write_bundle
from bert.checkpoints.vocabulary import load_tokenizer
from bert.heads.pretraining import BertForPreTraining
from tests.bert.checkpoints.google import tensorflow_writes
from tests.bert.checkpoints.google.frozen_files import BERT, recorded

PYTHON = os.environ.get("BERT_TENSORFLOW") or (sys.executable if importlib.util.find_spec("tensorflow") else None)

pytestmark = [
    pytest.mark.peers,
    pytest.mark.skipif(PYTHON is None, reason="needs tensorflow, or BERT_TENSORFLOW=a Python that has it"),
]


def tensorflow(*arguments: object) -> None:
    """Runs the script that needs it."""
    command = [str(PYTHON), tensorflow_writes.__file__, *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr


def test_we_read_what_this_version_writes(tmp_path):
    tensorflow("write", tmp_path, 5)
    for prefix in (tmp_path / "uncased" / "bert_model.ckpt", tmp_path / "formats" / "model.ckpt-7"):
        bundle, values = Bundle(prefix), recorded(prefix)
        assert len(values) > 12
        for name, expected in values.items():
            read = bundle.read(name)
            read = read.float() if read.dtype == torch.bfloat16 else read
            assert read.numpy().dtype == expected.dtype and np.array_equal(read.numpy(), expected), name
    assert not np.array_equal(*(recorded(path)["both"] for path in (prefix, BERT.parent.parent / "formats" / "x")))


def test_it_reads_what_we_write(tmp_path):
    model, prefix = load_checkpoint(BERT.parent, BertForPreTraining), tmp_path / "bert" / "bert_model.ckpt"
    save_google_checkpoint(prefix.parent, model, load_tokenizer(BERT.parent))
    expected = {name: value for name, value in recorded(BERT).items() if value.dtype == np.float32}
    formats = {
        f"{dtype}": torch.arange(6).reshape(2, 3).to(dtype) for dtype in (torch.float16, torch.int64, torch.bool)
    }
    write_bundle(Path(f"{prefix}-more"), formats | {f"scalar/{number}": torch.tensor(2.5) for number in range(300)})
    files = tmp_path / "bert.npz", tmp_path / "more.npz"
    tensorflow("read", prefix, files[0], f"{prefix}-more", files[1])
    with np.load(files[0]) as read:
        assert set(read.files) == expected.keys()
        assert all(np.array_equal(read[name], value) for name, value in expected.items())
    with np.load(files[1]) as read:
        assert len(read.files) == 303 and all(read[name] == 2.5 for name in read.files if "scalar" in name)
        assert all(np.array_equal(read[name], value.numpy()) for name, value in formats.items())
