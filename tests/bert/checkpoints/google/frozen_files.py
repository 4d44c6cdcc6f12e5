"""The files that TensorFlow wrote for the tests, and what it read from them. See ``tensorflow_writes.py``."""

import shutil
from pathlib import Path

import numpy as np

FROZEN = Path(__file__).parent / "frozen"
BERT, FORMATS = FROZEN / "uncased" / "bert_model.ckpt", FROZEN / "formats" / "model.ckpt-7"


def recorded(prefix: Path) -> dict[str, np.ndarray]:
    """What TensorFlow read: all variables but the optimizer's and texts; bfloat16 as float32."""
    with np.load(prefix.parent / "values.npz") as values:
        return dict(values)


def copied(prefix: Path, directory: Path) -> Path:
    """A copy of a checkpoint, to be damaged; its prefix."""
    shutil.copytree(prefix.parent, directory)
    return directory / prefix.name
