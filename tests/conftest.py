"""Settings and a corpus that all tests share."""

import contextlib
import importlib.util
import os
import random
import signal

import pytest
import torch
from safetensors.torch import load_file

from bert.tasks.classification import measure
from bert.training.reporting import Reporter

# Tiny tensors on contended cores are hundreds of times slower with more threads than one.
torch.set_num_threads(1)

# A test is one process unless it starts several, also on a cluster whose scheduler sets these.
for _name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"):
    os.environ.pop(_name, None)

# A shell starts "pytest &" with Ctrl-C ignored, and so would the programs be that our tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

WORDS = (
    "the a one every small old bright river stone bird ship garden king teacher winter letter road song moves sings "
    "falls waits turns opens and under over before after near quickly slowly often never"
).split(" ")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without requirements-dev.txt, tests that compare with another implementation are skipped."""
    if any(importlib.util.find_spec(peer) is None for peer in ("transformers", "tokenizers", "peft")):
        for item in items:
            if item.get_closest_marker("peers"):
                item.add_marker(pytest.mark.skip(reason="needs requirements-dev.txt"))


# What draws pictures at each evaluation and in each report: (place, name, what tests have instead).
_PICTURES = [
    (Reporter, "draw_curves", lambda reporter: None),
    (measure, "draw_confusion_matrix", lambda *matrix: b""),
]
_DRAWING = [getattr(place, name) for place, name, _ in _PICTURES]


@pytest.fixture(scope="session", autouse=True)
def no_pictures():
    """Drawing takes longer than all else that a tiny run does. So only runs in ``pictures_are_drawn`` do it."""
    for place, name, instead in _PICTURES:
        setattr(place, name, instead)


@contextlib.contextmanager
def pictures_are_drawn():
    """Inside the block, runs draw their pictures."""
    for (place, name, _), drawing in zip(_PICTURES, _DRAWING):
        setattr(place, name, drawing)
    yield
    for place, name, instead in _PICTURES:
        setattr(place, name, instead)


def make_documents(count: int, seed: int = 0) -> list[list[str]]:
    """Documents of a few sentences each, of words that mean nothing together, the same ones each time."""
    generator = random.Random(seed)

    def sentence() -> str:
        return " ".join(generator.choices(WORDS, k=generator.randint(4, 9))).capitalize() + "."

    return [[sentence() for _ in range(generator.randint(4, 9))] for _ in range(count)]


@pytest.fixture
def corpus(tmp_path):
    """A text file in Google's format: a sentence per line, a blank line between documents."""
    path = tmp_path / "corpus.txt"
    path.write_text("\n\n".join("\n".join(document) for document in make_documents(60)) + "\n", encoding="utf-8")
    return path


def weights_of(run) -> dict[str, tuple]:
    """Each tensor of a run's ``model.safetensors``, to be compared bit for bit: its dtype, shape and bytes."""
    weights = load_file(run / "model.safetensors")
    return {name: (weight.dtype, weight.shape, weight.numpy().tobytes()) for name, weight in weights.items()}


def dies_after(changes: int, monkeypatch, do) -> bool:
    """Runs ``do``, which dies just before it renames or removes one file more; returns whether it came so far."""

    class Death(BaseException):
        pass

    left = iter(range(changes))
    with monkeypatch.context() as patched:
        for name in ("replace", "remove"):
            original = getattr(os, name)

            def change(*arguments, original=original, **more):
                if next(left, None) is None:
                    raise Death
                return original(*arguments, **more)

            patched.setattr(os, name, change)
        try:
            do()
        except Death:
            return True
    return False
