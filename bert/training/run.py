"""A run, as both scripts have it: assembled from its settings, saved and resumed. ``loop.train`` trains it.

    run = assemble(settings, model, processes, log, identity)     optimizer, precision, shards, seeds
    before = run.resume(...)                                      with --resume
    ended = train(run, updates, schedule, ...)                    calls run.save() at checkpoints

A run knows no task. What a script keeps in the training state, it gives to ``save`` and gets back from ``resume``.
"""

import contextlib
import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn

from bert import fast
from bert.config import BertConfig
from bert.errors import InputError
from bert.files.schema import Schema
from bert.heads.batch import Batch
from bert.heads.loss import Loss
from bert.training.average import Average
from bert.training.companion import Companion
from bert.training.compilation import compiled_parts, eager
from bert.training.decisions import Decisions
from bert.training.distributed import Processes
from bert.training.dropout_check import check_dropout
from bert.training.optimizer import make_optimizer
from bert.training.precision import DTYPES, Precision, choose_precision
from bert.training.progress import Progress
from bert.training.recomputation import recomputed_layers
from bert.training.reporting import Reporter
from bert.training.script import Log
from bert.training.settings import MODELS, TrainingSettings
from bert.training.sharding import all_weights, gathered, is_sharded, load_all_weights, shard
from bert.training.state import generator_state, restore_generator_state, save_state
from bert.training.state_reading import load_tensors, newest_state
from bert.training.state_schema import check_metadata
from bert.training.threads import Threads


class Trainable(Protocol):
    """What training asks of a model, besides what every nn.Module has."""

    config: BertConfig

    def losses(self, batch: Batch) -> dict[str, Loss]: ...

    def label_counts(self, batch: Batch) -> dict[str, int]: ...


@dataclass
class Run:
    """Everything that an update of the weights changes or depends on, in one process."""

    directory: Path
    model: nn.Module
    optimizer: torch.optim.Optimizer
    precision: Precision
    processes: Processes
    log: Log  # prints a sentence for the user
    identity: dict[str, Any]  # plain data, saved with the training state: a run with another identity is another run
    scaler: torch.amp.GradScaler  # of the loss, for fp16
    compiles: bool = False
    recomputes: bool = False
    companions: tuple[Companion, ...] = ()  # what acts beside the optimizer
    average: Average | None = None  # one of them: its weights are evaluated and saved
    progress: Progress = field(default_factory=Progress)

    @property
    def trainable(self) -> Trainable:
        """The model, as training sees it."""
        return cast(Trainable, self.model)

    @cached_property
    def losses(self) -> nn.Module:
        """The model's losses as a module. Its backward pass averages gradients over the processes."""
        losses = Losses(self.model)
        return losses if is_sharded(self.model) else self.processes.wrap(losses)

    @cached_property
    def decisions(self) -> Decisions:
        """What the run decided by the clock, before it was resumed and since."""
        return Decisions(self.directory / "training_state" / "decisions.json", self.processes)

    def threads(self) -> Threads:
        """The number of threads from this update on. The load decides it if one process trains on a CPU.

        ``torch.compile`` makes code for a number of threads, and would make it anew. So that number is left alone.
        """
        chooses = self.processes.device.type == "cpu" and self.processes.world_size == 1 and not self.compiles
        return Threads(self.decisions if chooses else None, self.progress.step, self.log)

    @property
    def metadata(self) -> dict[str, Any]:
        """How the run computes, for the log and the report."""
        processes, forms = self.processes, {} if fast.is_on() else {"forms": "plain"}
        return {
            "precision": self.precision.name, "device": str(processes.device), "processes": processes.world_size,
        } | forms  # fmt: skip

    @property
    def description(self) -> str:
        """How the run computes, for the user, with the reason."""
        processes, precision = self.processes, self.precision
        said = f"{processes.world_size} x {processes.device.type}, precision {precision.name} ({precision.reason})"
        return said if fast.is_on() else f"{said}, without kernels"

    @contextlib.contextmanager
    def training(self) -> Iterator[None]:
        """Inside the block the model is compiled and recomputed, if the settings say so."""
        if self.processes.device.type == "cuda":
            config = self.trainable.config
            check_dropout(config, self.precision, self.processes, self.compiles, self.recomputes, self.log)
        with contextlib.ExitStack() as stack:
            if self.compiles:
                stack.enter_context(compiled_parts(self.model))
            if self.recomputes:
                stack.enter_context(recomputed_layers(self.model))
            yield

    @contextlib.contextmanager
    def evaluation(self) -> Iterator[None]:
        """Inside the block each process may compute any number of batches, eagerly. All must enter it together.

        They are computed with the average of the weights, if the run has one.
        """
        with eager(), self._averaged(), gathered(self.model):
            yield

    def weights(self) -> dict[str, Tensor]:
        """All weights to keep, in the main process: the average, if the run has one. All processes must call it."""
        with self._averaged():
            weights = all_weights(self.model)
            return copy.deepcopy(weights) if self.average else weights  # not those that come back after the block

    def _averaged(self) -> contextlib.AbstractContextManager:
        return self.average.in_place() if self.average else contextlib.nullcontext()

    def load_weights(self, weights: dict[str, Tensor]) -> None:
        """Replaces all weights. All processes must call it, with the same weights."""
        load_all_weights(self.model, weights)

    def reporter(self, max_steps: int | None) -> Reporter:
        """Logs the run and shows it to the user, in the main process."""
        return Reporter(self.directory, self.progress, max_steps, silent=not self.processes.is_main_process)

    def log_end(self, ended: str) -> None:
        """Tells the user why and when the training ended."""
        progress = self.progress
        minutes = progress.seconds / 60
        self.log(f"{ended.capitalize()} at step {progress.step:,} after {minutes:.1f} minutes of training.")

    # ---- saving and resuming ----

    def tensors(self) -> dict[str, Any]:
        """What a training state holds: weights, the optimizer's state, and what companions keep, by their names."""
        return self._tensors()[0]

    def save(self, **own: Any) -> None:
        """Saves the training state. All processes must call it.

        Args:
            own: plain data that the script needs to resume.
        """
        generators = self.processes.gather(generator_state(self.processes.device))
        metadata = {"scaler": self.scaler.state_dict(), "progress": vars(self.progress), "generators": generators}
        tensors, _ = self._tensors()
        directory = self.directory / "training_state"
        save_state(directory, self.progress.step, tensors, metadata | self.identity | own, self.processes)

    def resume(self, made_from: str, expected: Schema | None = None) -> dict[str, Any]:
        """Takes everything back to the newest whole training state. All processes must call it.

        A run that was stopped before it saved anything stays at its beginning.

        Args:
            made_from: what decides the run's identity, for the message that it is another run's.
            expected: rules for what ``save`` was given, by its names, and for the position in the data ("position").

        Returns:
            What ``save`` was given; nothing if the run begins anew.

        Raises:
            InputError: if no state is whole, if it is another model's or breaks a rule, or if there is a model but no
                state. To begin anew would replace that model.
            SystemExit: in all but one process then.
        """
        found = self.processes.broadcast(lambda: self._find_state(made_from, expected or {}))
        if found is None:
            return {}
        path, metadata = found
        return self.processes.on_all(lambda: self._take_up(path, metadata))

    def _find_state(self, made_from: str, expected: Schema) -> tuple[Path, dict[str, Any]] | None:
        """The newest whole state of this run, its identity checked and removed."""
        directory = self.directory / "training_state"
        if not any(directory.glob("step-*")):
            if any((self.directory / name).exists() for name in MODELS):
                raise InputError(
                    f"--resume: {self.directory} holds a model, but no training state to go on from: it was stopped "
                    f"before its first checkpoint, or the state was removed; put back its training_state folder, or "
                    f"keep the model and name another --output"
                )
            self.log(f"Nothing has been saved in {self.directory} yet: it begins anew.")
            return None
        path, metadata, complaints = newest_state(directory)
        for complaint in complaints:
            self.log(f"Note: {complaint}; going back to the state before it.")
        check_metadata(metadata, generator_state(self.processes.device), expected, str(path))
        # A state that was saved before a part of the identity existed says nothing about that part.
        changed = [name for name, value in self.identity.items() if metadata.pop(name, value) != value]
        if changed:
            raise InputError(
                f"{self.directory}: its training state does not belong to what {made_from} make now (other "
                f"{' and '.join(changed)}); put back the files that were changed, or begin another run"
            )
        return path, metadata

    def _take_up(self, path: Path, metadata: dict[str, Any]) -> dict[str, Any]:
        """Takes the run back to a state, and returns what the script kept in it."""
        from torch.distributed.checkpoint.state_dict import StateDictOptions, set_state_dict

        tensors, groups = self._tensors()
        load_tensors(path, tensors)
        try:
            state = {"state": tensors["optimizer"], "param_groups": groups}
            set_state_dict(
                self.model, self.optimizer, model_state_dict=tensors["model"], optim_state_dict=state,
                options=StateDictOptions(strict=False),  # frozen weights are not among them
            )  # fmt: skip
            if scaling := metadata.pop("scaler"):  # empty if the precision needed no scaling
                self.scaler.load_state_dict(scaling)
            self.progress = Progress(**metadata.pop("progress"))
            generators = metadata.pop("generators")
            if len(generators) == self.processes.world_size:
                restore_generator_state(generators[self.processes.rank], self.processes.device)
        except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            raise InputError(
                f"{self.directory}: its training state is damaged ({type(error).__name__}: "
                f"{(str(error).splitlines() or [''])[0]}); put back a copy of training_state, or begin another run"
            ) from error
        if self.progress.step == 0:
            self.optimizer.state.clear()  # _tensors made a step with a gradient of 0, which AdamW counts
        if len(generators) != self.processes.world_size:
            self.log(
                f"Note: the run had {len(generators)} processes and now has {self.processes.world_size}: dropout goes "
                f"on from other random numbers."
            )
        self.log(f"Resuming {self.directory} from step {self.progress.step:,}.")
        return metadata

    def _tensors(self) -> tuple[dict[str, Any], Any]:
        """The weights, the optimizer's state by names of parameters, both sharded as they are, and its groups.

        Frozen weights are left out: they are the checkpoint's, and the run's identity has their checksums.
        """
        from torch.distributed.checkpoint.state_dict import StateDictOptions, get_state_dict

        options = StateDictOptions(ignore_frozen_params=True)
        model, optimizer = get_state_dict(self.model, self.optimizer, options=options)
        tensors = {"model": model, "optimizer": optimizer["state"]}
        companions = {
            str(number): dict(companion.tensors)
            for number, companion in enumerate(self.companions)
            if companion.tensors
        }
        return tensors | ({"companions": companions} if companions else {}), optimizer["param_groups"]


class Losses(nn.Module):
    """A model's losses as a forward pass, which is what DistributedDataParallel synchronises."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, batch: Batch) -> dict[str, Loss]:
        return cast(Trainable, self.model).losses(batch)


def assemble(
    settings: TrainingSettings, model: nn.Module, processes: Processes, log: Log, identity: dict[str, Any],
    average: int | None = None,
) -> Run:  # fmt: skip
    """A new run of a model on its device, with the optimizer, precision, shards and seed of the settings.

    Args:
        identity: see ``Run``; the model's configuration is added to it as "config".
        average: evaluate and save the average over about so many updates (``Average``).
    """
    precision = choose_precision(settings.precision, processes.device, cast(Trainable, model).config.hidden_size)
    precision.prepare(model)
    if settings.shard and processes.world_size > 1:
        shard(model)
    elif settings.shard:
        log("Note: --shard changes nothing in a single process; start several with torchrun.")
    averaged = Average(model, average) if average else None
    torch.manual_seed(settings.seed + 1 + processes.rank)  # each process drops out other activations
    return Run(
        directory=Path(settings.output),
        model=model,
        optimizer=make_optimizer(
            settings.optimizer, model, settings.learning_rate, DTYPES[precision.name], settings.weight_decay
        ),
        precision=precision,
        processes=processes,
        log=log,
        identity={"config": cast(Trainable, model).config.to_dict()} | identity,
        scaler=precision.gradient_scaler(),
        compiles=settings.compile,
        recomputes=settings.recompute,
        companions=(averaged,) if averaged else (),
        average=averaged,
    )
