"""Settings and a corpus that all tests share."""

import importlib.util
import os
import random
import signal

import pytest
import torch
from safetensors.torch import load_file

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

# Runs a script that waits for a signal after its first checkpoint. So it is interrupted there on any machine.
_WAITING = """
import os, runpy, signal, sys
from bert.training.run import Run

reading, writing = os.pipe()
os.set_blocking(writing, False)
signal.set_wakeup_fd(writing)  # a byte for each signal
save = Run.save

def save_and_wait(run, **own):
    Run.save = save
    save(run, **own)
    os.read(reading, 1)

Run.save = save_and_wait
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without requirements-dev.txt, tests that compare with another implementation are skipped."""
    if any(importlib.util.find_spec(peer) is None for peer in ("transformers", "tokenizers", "peft")):
        for item in items:
            if item.get_closest_marker("peers"):
                item.add_marker(pytest.mark.skip(reason="needs requirements-dev.txt"))


def waiting_for_a_signal(command: list[str]) -> list[str]:
    """The command [python, script, arguments ...], to wait for a signal once the first training state is saved."""
    python, *others = command
    return [python, "-c", _WAITING, *others]


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
