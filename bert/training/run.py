"""A run, as both scripts have it: put together from its settings, trained, saved and resumed, to an exit code.

    run = assemble(settings, model, optimizer, processes, say, identity)     precision, loss scaling, seeds
    before = run.resume(...)                                                 where --resume is given
    with run.reporter(max_steps) as reporter:
        ended = run.train(updates, schedule, reporter, evaluate, checkpoint)     checkpoint() calls run.save()

It knows no task: what a script keeps in the training state of its own, it gives to ``save`` and gets from ``resume``.
"""

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn

from bert.errors import InputError, speaks_for_this_machine
from bert.files.terminal import orderly, print_line, printing_failed, silence_stdout
from bert.files.whole import held, is_disk_full
from bert.training.allocation import keep_freed_memory
from bert.training.compilation import as_written, compiled_parts
from bert.training.distributed import Processes, start_processes
from bert.training.loop import Progress, Schedule, Update, train
from bert.training.precision import Precision, choose_precision
from bert.training.reporting import Reporter
from bert.training.settings import Settings, TrainingSettings
from bert.training.sharding import shard_optimizer, whole_state
from bert.training.state import generator_state, load_newest_state, restore_generator_state, save_state, saved_states

Say = Callable[[str], None]


def run_script(
    script: str,
    command_line: list[str] | None,
    read_settings: Callable[[list[str] | None], Settings],
    do: Callable[[Settings, Processes], int],
) -> int:
    """Runs a script and returns its exit code: that of ``do``, 2 for bad input, 130 when interrupted.

    Either of the two is said in one sentence on stderr.

    Args:
        script: its file's name.
        command_line: its arguments; None: those of this process.
        do: what the script does with its settings, in each of the processes.
    """
    with orderly():
        return _run(script, command_line, read_settings, do)


def _run(script: str, command_line: list[str] | None, read_settings: Callable, do: Callable) -> int:
    try:
        settings = read_settings(command_line)
    except InputError as error:
        if speaks_for_this_machine():
            print(f"{script}: error: {error}", file=sys.stderr)
        return 2
    try:
        keep_freed_memory()
        with start_processes(settings.device) as processes:
            return do(settings, processes)
    except InputError as error:
        print(f"{script}: error: {error}", file=sys.stderr)
        return 2
    except torch.OutOfMemoryError:
        print(
            f"{script}: error: the GPU's memory is full; what was saved before is kept. Use a larger --accumulate, "
            f"--recompute, or a smaller --batch-size or --max-length", file=sys.stderr,
        )  # fmt: skip
        return 2
    except OSError as error:
        if not is_disk_full(error):
            raise
        silence_stdout()
        print(f"{script}: error: {printing_failed(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{script}: interrupted; what was saved before is kept", file=sys.stderr)
        return 130


def printer(processes: Processes) -> Say:
    """What prints a sentence for the user: the first process speaks, and the others are silent."""
    return print_line if processes.is_main_process else (lambda sentence: None)


@contextlib.contextmanager
def alone_in(directory: str | Path, processes: Processes) -> Iterator[None]:
    """Inside the block these processes are the only ones at work in a run's directory (see ``bert.files.whole.held``).

    Raises:
        InputError, SystemExit: where others are (see ``Processes.on_all``).
    """
    with contextlib.ExitStack() as stack:
        processes.on_all(lambda: stack.enter_context(held(directory)) if processes.is_main_process else None)
        yield


def how_to_go_on(script: str, directory: str | Path) -> str:
    """The command that goes on with a run that was stopped on the way."""
    return f"\nTo go on: python {script} --output {directory} --resume"


@dataclass
class Run:
    """Everything that an update of the weights changes or depends on, in one process, and where it is kept.

    Attributes:
        directory: the run's.
        say: prints a sentence for the user.
        identity: plain data that is saved with the training state; a run of any other is not the same run.
        scaler: of the loss, where the precision needs it.
        sharded: whether each process keeps a part of the optimizer's state alone.
        compiles: whether the model trains compiled.
        progress: where the run stands.
    """

    directory: Path
    model: nn.Module
    optimizer: torch.optim.Optimizer
    precision: Precision
    processes: Processes
    say: Say
    identity: dict
    scaler: torch.amp.GradScaler
    sharded: bool = False
    compiles: bool = False
    progress: Progress = field(default_factory=Progress)

    @property
    def facts(self) -> dict:
        """How it computes, for the log and the report."""
        processes = self.processes
        return {"precision": self.precision.name, "device": str(processes.device), "processes": processes.world_size}

    @property
    def facts_in_words(self) -> str:
        """The same for the user to read, with the reason."""
        processes, precision = self.processes, self.precision
        return f"{processes.world_size} x {processes.device.type}, precision {precision.name} ({precision.reason})"

    def compiled(self) -> contextlib.AbstractContextManager:
        """Inside the block the model trains compiled, where the run is to (see ``bert.training.compilation``)."""
        return compiled_parts(self.model) if self.compiles else contextlib.nullcontext()

    def resume(self, made_from: str) -> dict:
        """Puts everything back to where the newest whole training state left it. A run that was stopped before it
        saved anything is left at its beginning.

        Args:
            made_from: what decides the run's identity, for the message that it is another.

        Returns:
            What ``save`` was given; nothing where the run begins anew.

        Raises:
            InputError: where no state is whole, or it is that of another model, or there is a model but no state, which
                beginning anew would replace.
        """
        if not saved_states(self.directory / "training_state"):
            if (self.directory / "model.safetensors").exists():
                raise InputError(
                    f"--resume: {self.directory} holds a model, but no training state to go on from: it was stopped "
                    f"before its first checkpoint, or the state was removed; put back its training_state folder, or "
                    f"keep the model and name another --output"
                )
            self.say(f"Nothing has been saved in {self.directory} yet: it begins anew.")
            return {}
        state, complaints = load_newest_state(self.directory / "training_state")
        for complaint in complaints:
            self.say(f"Note: {complaint}; going back to the state before it.")
        # A state of before a part of the identity was saved says nothing of it.
        changed = [name for name, value in self.identity.items() if state.pop(name, value) != value]
        if changed:
            raise InputError(
                f"{self.directory}: its training state does not belong to what {made_from} make now (other "
                f"{' and '.join(changed)}); put back the files that were changed, or begin another run"
            )
        try:
            self.model.load_state_dict(state.pop("model"))
            self.optimizer.load_state_dict(state.pop("optimizer"))
            if scaling := state.pop("scaler"):  # empty where the precision needed no scaling
                self.scaler.load_state_dict(scaling)
            self.progress = Progress(**state.pop("progress"))
            generators = list(state.pop("generators"))
        except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            raise InputError(
                f"{self.directory}: its training state is damaged ({type(error).__name__}: "
                f"{(str(error).splitlines() or [''])[0]}); put back a copy of training_state, or begin another run"
            ) from error
        if len(generators) == self.processes.world_size:
            restore_generator_state(generators[self.processes.rank], self.processes.device)
        else:
            self.say(
                f"Note: the run had {len(generators)} processes and now has {self.processes.world_size}: dropout goes "
                f"on from other random numbers."
            )
        self.say(f"Resuming {self.directory} from step {self.progress.step:,}.")
        return state

    def save(self, **own) -> None:
        """Saves the training state. All processes must call it.

        Args:
            own: what the script needs besides to go on, plain data.
        """
        generators = self.processes.gather(generator_state(self.processes.device))
        optimizer = whole_state(self.optimizer, self.processes) if self.sharded else self.optimizer.state_dict()
        if self.processes.is_main_process:
            state = {
                "model": self.model.state_dict(), "optimizer": optimizer,
                "scaler": self.scaler.state_dict(), "progress": vars(self.progress), "generators": generators,
            }  # fmt: skip
            save_state(self.directory / "training_state", self.progress.step, state | self.identity | own)

    def reporter(self, max_steps: int) -> Reporter:
        """What logs the run and shows it to the user, in the first process."""
        return Reporter(self.directory, self.progress, max_steps, silent=not self.processes.is_main_process)

    def train(
        self, updates: Iterable[Update], schedule: Schedule, reporter: Reporter,
        evaluate: Callable[[], str | None], checkpoint: Callable[[], None],
    ) -> str:  # fmt: skip
        """Trains from where the run stands; arguments and result are those of ``bert.training.loop.train``."""

        def evaluate_as_written() -> str | None:
            with as_written():
                return evaluate()

        with self.compiled():
            return train(
                self.model, updates, self.optimizer, self.scaler, self.precision, self.processes, schedule,
                self.progress, reporter.report, evaluate_as_written, checkpoint,
            )  # fmt: skip

    def say_how_it_ended(self, ended: str) -> None:
        """Says why and when the training ended."""
        progress = self.progress
        minutes = progress.seconds / 60
        self.say(f"{ended.capitalize()} at step {progress.step:,} after {minutes:.1f} minutes of training.")


def assemble(
    settings: TrainingSettings, model: nn.Module, optimizer: torch.optim.Optimizer, processes: Processes, say: Say,
    identity: dict,
) -> Run:  # fmt: skip
    """A new run of a model and its optimizer, in the precision and with the seed that the settings say.

    Args:
        settings: output, precision, seed, shard, recompute and compile are read.
        identity: see ``Run``; the model's configuration is added to it as "config".
    """
    precision = choose_precision(settings.precision, processes.device)
    torch.manual_seed(settings.seed + 1 + processes.rank)  # each process drops out other activations
    if settings.shard:
        shard_optimizer(optimizer, processes)
    if settings.recompute:
        model.bert.encoder.recomputes = True
    identity = {"config": model.config.to_dict()} | identity
    return Run(
        Path(settings.output), model, optimizer, precision, processes, say, identity, precision.gradient_scaler(),
        settings.shard, settings.compile,
    )  # fmt: skip
