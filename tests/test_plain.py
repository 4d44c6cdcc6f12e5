"""--plain: a change of the code that is read changes what trains. Without the flag, kernels run in its place."""

import importlib
import inspect
import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import finetuning.settings
import pretraining.settings
from bert import fast
from bert.config import BertConfig
from bert.errors import InputError
from bert.heads.pretraining import BertForPreTraining
from bert.training.loop import training_step
from bert.training.run import assemble
from bert.training.script import run_script
from bert.training.settings import save_settings
from bert.training.totals import RunningTotals
from pretraining.planning import random_batch

CONFIG = BertConfig(
    vocab_size=47, hidden_size=12, num_hidden_layers=2, num_attention_heads=3, intermediate_size=17,
    max_position_embeddings=13, initializer_range=0.3,
)  # fmt: skip
FAST = Path(fast.__file__).parent
# Of each break: the function, what its text says, and what it says when it is broken.
ATTENTION, UPDATE = "bert.model.attention:scaled_dot_product_attention", "bert.training.optimizer:update"
BREAKS = {
    "attention's scale": (ATTENTION, "math.sqrt(query.shape[-1])", "1.0"),
    "the softmax's axis": (ATTENTION, "softmax(dim=-1)", "softmax(dim=-2)"),
    "a sign in AdamW": (UPDATE, 'value=-group["lr"]', 'value=group["lr"]'),
    "weight decay": (UPDATE, '1 - group["lr"] * group["weight_decay"]', "1"),
    "the scores of the vocabulary": ("bert.heads.loss:vocabulary_cross_entropy", "states, word", "-states, word"),
    "dropout's share": ("bert.model.dropout:dropout", "(states, probability)", "(states, 0.5)"),
}  # fmt: skip
TRANSFORM = "bert.heads.pretraining:MaskedLanguageModelHead.forward", "self.activation(self.dense(states))", "states"


def train(tmp_path, *flags, watch=None) -> list[float]:
    """Three updates of a small model in the script's own frame: with its flags, its processes and its optimizer."""
    losses: list[float] = []

    def do(settings, processes) -> int:
        torch.manual_seed(0)
        run = assemble(settings, BertForPreTraining(CONFIG).train(), processes, print, identity={})
        batch = random_batch(CONFIG, 3, 11, nsp=True)
        counts = run.trainable.label_counts(batch)
        with watch() if watch else torch.enable_grad():
            for _ in range(3):
                losses.append(training_step(run, [batch], counts, RunningTotals(), 1.0)[0].item())
        return 0

    line = [
        "--output",
        str(tmp_path / "run"),
        "--precision",
        "fp32",
        "--learning-rate",
        "0.01",
        "--device",
        "cpu",
        *flags,
    ]
    assert run_script("train_pretrain.py", line, pretraining.settings.read_settings, do) == 0
    assert fast.is_on()
    return losses


def break_text(monkeypatch, place: str, before: str, after: str) -> None:
    """Changes a function as if its file had been changed."""
    module, name = place.split(":")
    room = importlib.import_module(module)
    function = room
    for part in name.split("."):
        function = getattr(function, part)
    plain = inspect.unwrap(function)
    source = inspect.cleandoc("\n" + inspect.getsource(plain))
    source = source[source.index("def ") :]
    assert source.count(before) == 1, f"{place} does not say {before}"
    namespace = dict(vars(room))
    exec(source.replace(before, after), namespace)
    monkeypatch.setattr(plain, "__code__", namespace[plain.__name__].__code__)


@pytest.mark.parametrize("name", BREAKS)
def test_a_break_of_the_text_changes_what_trains_plainly_and_nothing_else(name, tmp_path, monkeypatch):
    plain, kernels = train(tmp_path, "--plain"), train(tmp_path)
    assert train(tmp_path, "--plain") == plain
    break_text(monkeypatch, *BREAKS[name])
    assert train(tmp_path, "--plain") != plain
    assert train(tmp_path) == kernels  # the control: why the flag exists


def test_a_break_of_the_heads_transform_changes_what_trains_with_kernels_too(tmp_path, monkeypatch):
    plain, kernels = train(tmp_path, "--plain"), train(tmp_path)
    break_text(monkeypatch, *TRANSFORM)
    assert train(tmp_path, "--plain") != plain
    assert train(tmp_path) != kernels


class Operators(TorchDispatchMode):
    """Notes the names of PyTorch's operators."""

    def __init__(self):
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.names.add(str(func))
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("optimizer", ["bert-adamw", "adamw"])
def test_no_kernel_runs_in_a_plain_run(optimizer, tmp_path):
    files, operators = set(), Operators()

    def note(frame, event, argument):
        path = Path(frame.f_code.co_filename)
        if path.parent == FAST and path.name != "__init__.py":
            files.add(path.name)

    def run(*flags):
        files.clear()
        operators.names.clear()
        sys.setprofile(note)
        try:
            train(tmp_path, *flags, "--optimizer", optimizer, watch=lambda: operators)
        finally:
            sys.setprofile(None)
        return {name for name in operators.names if any(word in name for word in ("fused", "flash", "dot_product"))}

    assert run("--plain") == set()
    assert files == set()
    assert any("fused" in name for name in run())  # the control
    assert {"attention.py", "dropout.py", "vocabulary_loss.py"} <= files


@pytest.mark.parametrize("room", [pretraining.settings, finetuning.settings], ids=lambda room: room.__name__)
def test_both_scripts_have_the_flag_and_a_resumed_run_keeps_it(room, tmp_path):
    settings = partial(lambda *line: room.read_settings([*line, "--output", str(tmp_path)]))
    assert settings().plain is False
    save_settings(tmp_path, settings("--plain"))
    assert settings("--resume").plain is True
    assert settings("--resume", "--no-plain").plain is False
    with pytest.raises(InputError, match="--plain runs the code as it is written, and --compile"):
        settings("--resume", "--compile")
    within = []
    run_script("a script", ["--resume", "--output", str(tmp_path)], room.read_settings,
               lambda settings, processes: within.append(fast.is_on()) or 0)  # fmt: skip
    assert within == [False]


def test_a_plan_is_of_kernels(tmp_path):
    with pytest.raises(InputError, match="--plan reckons with the kernels"):
        pretraining.settings.read_settings(["--plain", "--plan", "2"])
