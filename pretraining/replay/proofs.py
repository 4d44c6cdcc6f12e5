"""Whether a run that is computed again has the numbers that it had: beside its log, its checkpoints and its states.

A report of the log is the mean of all updates since the report before it. So it proves each of them.
"""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bert.checkpoints.directory import save_checkpoint
from bert.checkpoints.weights import read_safetensors
from bert.errors import InputError
from bert.training.run import Run
from bert.training.state_reading import load_tensors, read_metadata
from bert.training.state_schema import named
from pretraining.assembly import Pretraining
from pretraining.replay.source import Source, State

SMALLEST = 1e-45  # stands for a difference of bits that is none of numbers: 0 and -0


@dataclass(frozen=True)
class Proof:
    """A comparison with what the run has kept."""

    step: int
    where: str
    compared: str
    difference: float  # the largest; 0: the same bits

    @property
    def is_same(self) -> bool:
        """Whether all bits are the same."""
        return self.difference == 0


@dataclass
class Proofs:
    """Compares a run that is computed again with what it has kept.

    Attributes:
        found: the comparisons so far.
        damaged: a sentence about each checkpoint or state that could not be compared.
    """

    source: Source
    found: list[Proof] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)

    def steps(self) -> list[int]:
        """The updates after which there is something to compare with."""
        states = (state.step for state in self.source.states)
        return sorted({*self.source.reports(), *self.source.kept, *states})

    def has_weights(self, step: int) -> bool:
        """Whether the run has kept its weights after an update."""
        return step in self.source.kept or any(state.step == step for state in self.source.states)

    def compare_report(self, step: int, means: dict[str, float]) -> None:
        """Compares the means since the last report with the log."""
        line = self.source.reports().get(step, {})
        names = [
            name
            for name, value in line.items()
            if name in means and type(value) in (int, float) and name.endswith(("_loss", "_accuracy", "learning_rate"))
        ]
        if names:
            largest = max(abs(means[name] - line[name]) for name in names)
            before = max((other for other in self.source.reports() if other < step), default=0)
            span = f"updates {before + 1:,} to {step:,}" if step > before + 1 else f"update {step:,}"
            words = f"means of {span}: losses, accuracies; learning rate"
            self.found.append(Proof(step, "log.jsonl", words, largest))

    def compare_weights(self, assembled: Pretraining) -> None:
        """Compares the weights, and the optimizer's state, with what the run has kept of this update."""
        step = assembled.run.progress.step
        for state in self.source.states:
            if state.step == step:
                self._try(state.path, lambda state=state: self._compare_state(assembled.run, state))
        if step in self.source.kept:
            self._try(self.source.kept_path(step), lambda: self._compare_checkpoint(assembled))

    def _try(self, path: Path, compare: Any) -> None:
        try:
            self.found.append(compare())
        except InputError as error:
            self.damaged.append(str(error))

    def _compare_state(self, run: Run, state: State) -> Proof:
        read_metadata(state.path)  # is it whole?
        mine = dict(named(run.tensors()))
        saved = {name: torch.empty_like(tensor) for name, tensor in mine.items()}
        load_tensors(state.path, saved)
        where = state.path.relative_to(self.source.directory)
        return _proof(state.step, str(where), "numbers of the weights and the optimizer's state", mine, saved)

    def _compare_checkpoint(self, assembled: Pretraining) -> Proof:
        run = assembled.run
        path = self.source.kept_path(run.progress.step)
        saved = read_safetensors(path / "model.safetensors")
        with tempfile.TemporaryDirectory() as folder:  # written as the run wrote it
            save_checkpoint(folder, assembled.model, weights=run.weights())
            mine = read_safetensors(Path(folder) / "model.safetensors")
        where = path.relative_to(self.source.directory)
        return _proof(run.progress.step, str(where), "numbers of the weights", mine, saved)


def _proof(step: int, where: str, words: str, mine: dict[str, Tensor], saved: dict[str, Tensor]) -> Proof:
    if {name: each.shape for name, each in mine.items()} != {name: each.shape for name, each in saved.items()}:
        raise InputError(f"{where}: holds other weights than the run's; put back a copy of it")
    largest = max(largest_difference(mine[name], saved[name]) for name in mine)
    count = sum(tensor.numel() for tensor in mine.values())
    return Proof(step, where, f"{count:,} {words}", largest)


def largest_difference(ours: Tensor, theirs: Tensor) -> float:
    """The largest difference between two tensors; 0 only if all bits are the same.

    >>> largest_difference(torch.tensor([1.0, 0.0]), torch.tensor([1.0, 0.5]))
    0.5
    """
    ours, theirs = (tensor.detach().cpu().contiguous().reshape(-1) for tensor in (ours, theirs))
    if ours.view(torch.uint8).equal(theirs.view(torch.uint8)):
        return 0.0
    return max(float((ours.double() - theirs.double()).abs().max()), SMALLEST)
