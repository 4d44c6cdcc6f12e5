"""The settings of a run: the flags that both scripts share, and how a resumed run finds the settings it began with.

argparse returns only the flags that were given, so "not given" and "given as the default" differ. A run's settings are
the flags given, over the settings of the run that is resumed, over the defaults.
"""

import argparse
import json
import math
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from bert.errors import InputError
from bert.files.json_objects import read_json_object
from bert.files.whole import write_atomically

LARGEST = 2**31 - 1  # the largest count that every library takes
MOST_WORKERS = 256  # more processes than that would only fill memory
# The files that a run writes at one time or another. A new run replaces none of them.
WRITTEN = (
    "arguments.json", "config.json", "model.safetensors", "training_state", "task.json", "vocab.txt",
    "tokenizer_config.json", "spm.model", "tokenizer.json", "log.jsonl", "predictions.tsv", "report.json",
    "report.html", "curves.png", "tensorboard",
)  # fmt: skip


@dataclass(frozen=True)
class TrainingSettings:
    """The settings that both scripts share, one for each flag; None: the script decides when it knows the data."""

    output: str
    resume: bool = False
    seed: int = 0
    device: str = "auto"
    max_steps: int | None = None
    epochs: int | None = None
    batch_size: int = 32
    accumulate: int = 1
    max_length: int = 128
    learning_rate: float = 1e-4
    warmup_steps: int | None = None
    optimizer: str = "bert-adamw"
    precision: str = "auto"
    compile: bool = False
    shard: bool = False
    recompute: bool = False
    report_every: int = 50
    eval_every: int | None = None
    checkpoint_every: int | None = None

    # A resumed run may change these settings. To change any other would make it another run.
    MAY_CHANGE: ClassVar[frozenset[str]] = frozenset({
        "output", "resume", "device", "max_length", "batch_size", "accumulate", "epochs", "max_steps", "learning_rate",
        "warmup_steps", "precision", "compile", "report_every", "eval_every", "checkpoint_every", "shard", "recompute",
    })  # fmt: skip
    # Every run of this script saves this setting, and no run of the other script does.
    OWN_FLAG: ClassVar[str] = ""


Settings = TypeVar("Settings", bound=TrainingSettings)


# ---- flags ----


def make_parser(description: str | None) -> argparse.ArgumentParser:
    """A parser of the flags for the run's directory, its seed and its device. Its result holds only the flags given.

    Args:
        description: the script's docstring, with which ``--help`` begins.
    """
    parser = _Parser(
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    run = parser.add_argument_group("the run")
    run.add_argument("--output", metavar="DIR", type=name_of_directory, help="the run's directory")
    add_switch(run, "--resume", "continue the run in --output; flags keep their values unless given again")
    add_number(run, "--seed", seed, "the seed of all random numbers (0)")
    run.add_argument("--device", choices=("auto", "cpu", "cuda"), help="the device (a GPU if there is one)")
    return parser


class _Parser(argparse.ArgumentParser):
    def error(self, message: str):
        """Raises InputError for wrong flags, without the list of all flags."""
        raise InputError(f"{message}; --help explains the flags")


def add_switch(group: argparse._ActionsContainer, flag: str, meaning: str) -> None:
    """``--flag`` and ``--no-flag``."""
    group.add_argument(flag, action=argparse.BooleanOptionalAction, help=meaning)


def add_number(group: argparse._ActionsContainer, flag: str, kind, meaning: str) -> None:
    """A flag that takes a number of one kind: ``whole``, ``positive``, ``above_zero`` or ``probability``."""
    group.add_argument(flag, type=kind, metavar="N", help=meaning)


def add_training_arguments(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """The flags for training. Returns their group, for the flags that a script adds."""
    training = parser.add_argument_group("training")
    add_number(training, "--max-steps", positive, "updates until the run and its learning-rate schedule end")
    add_number(training, "--epochs", positive, "passes over the data, instead of --max-steps")
    add_number(training, "--batch-size", positive, "examples in an update, over all processes and micro-batches")
    add_number(training, "--accumulate", positive, "micro-batches in an update, to save memory (1)")
    add_number(training, "--max-length", positive, "tokens in an example, with special tokens (128)")
    add_number(training, "--learning-rate", above_zero, "the peak learning rate")
    add_number(training, "--warmup-steps", whole, "updates until the peak")
    training.add_argument(
        "--optimizer", choices=("bert-adamw", "adamw"), help="BERT's AdamW, without bias correction, or torch's"
    )
    training.add_argument(
        "--precision", choices=("auto", "fp32", "bf16", "fp16"), help="of matrix products (bf16 if it is fast here)"
    )
    add_switch(training, "--compile", "train with torch.compile")
    training.add_argument(
        "--shard", "--shard-optimizer", action=argparse.BooleanOptionalAction, dest="shard",
        help="share weights, gradients and optimizer state out among the processes (FSDP2), to save memory",
    )  # fmt: skip
    add_switch(training, "--recompute", "gradient checkpointing: compute each layer twice, to save memory")
    add_number(training, "--report-every", positive, "updates between lines of the log (50)")
    add_number(training, "--eval-every", positive, "updates between evaluations")
    add_number(training, "--checkpoint-every", positive, "updates between checkpoints")
    return training


def name_of_directory(text: str) -> str:
    """A name that is not empty. An unset shell variable would give an empty one."""
    if not text.strip():
        raise argparse.ArgumentTypeError("the name is empty; name a directory")
    return text


def whole(text: str, largest: int = LARGEST) -> int:
    """An integer from 0 to ``largest``."""
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is below 0")
    if number > largest:
        raise argparse.ArgumentTypeError(f"{text} is above {largest:,}")
    return number


def seed(text: str) -> int:
    """An integer of at least 0 that random generators take."""
    return whole(text, largest=2**63 - 1)


def positive(text: str) -> int:
    """An integer from 1 to LARGEST."""
    number = whole(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return number


def workers(text: str) -> int:
    """A number of worker processes, from 1 to MOST_WORKERS."""
    number = positive(text)
    if number > MOST_WORKERS:
        raise argparse.ArgumentTypeError(f"{text} processes are too many; use at most {MOST_WORKERS}")
    return number


def finite(text: str) -> float:
    """A finite number."""
    number = float(text)
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"{text} is not a finite number")
    return number


def above_zero(text: str) -> float:
    """A finite number above 0."""
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return number


def probability(text: str) -> float:
    """A number from 0 to below 1."""
    number = float(text)
    if not 0 <= number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to below 1")
    return number


# ---- the settings of a new run, and of a resumed one ----


def override(earlier: Settings, later: dict[str, Any]) -> Settings:
    """``earlier`` with the values of ``later``.

    ``max_steps`` and ``epochs`` both limit a run. Giving one flag clears the other. With both, the run ends at
    whichever comes first (``bert.training.schedule.steps_of_run``).
    """
    limits = ("max_steps", "epochs")
    cleared = dict.fromkeys(limits) if later.keys() & set(limits) else {}
    return replace(earlier, **(cleared | later))


def settings_of_run(given: dict[str, Any], defaults: Settings, parser: argparse.ArgumentParser) -> Settings:
    """The settings of a new run, or of the run that ``--resume`` continues.

    Args:
        given: the flags given. ``--output`` is where a run is now, whatever its name was when it saved its settings.
        defaults: the settings of a new run without flags.
        parser: reads the flags, and so the settings that a run saved.

    Raises:
        InputError: if the directory holds another run, if there is no run to resume, or if a flag would make it
            another run.
    """
    run = Path(given.get("output", defaults.output))
    file = run / "arguments.json"
    if not given.get("resume"):
        refuse_other_run(run, but=given.get("vocab", ""))
        return override(defaults, given)
    if not os.path.exists(file):  # Path.exists raises if a name is too long
        raise InputError(f"--resume: nothing to resume from in {run} ({file.name} is not there); name its --output")
    saved = _saved_settings(file, parser)
    if defaults.OWN_FLAG not in saved:
        raise InputError(
            f"--resume: {run} is no run of this script: {file} names no {defaults.OWN_FLAG}; use the other script"
        )
    before = override(defaults, saved | {"output": str(run)})  # it may have been moved since
    for name in sorted(given.keys() - defaults.MAY_CHANGE):
        if given[name] != getattr(before, name):
            raise InputError(
                f"--{name.replace('_', '-')} {given[name]} is not what {run} was begun with ({getattr(before, name)}), "
                f"and cannot change on the way; leave it out, or begin another run"
            )
    return override(before, given)


def _saved_settings(path: Path, parser: argparse.ArgumentParser) -> dict[str, Any]:
    """The settings in a run's ``arguments.json``. The parser checks each as if it were given as a flag."""
    line = []
    for name, value in read_json_object(path).items():
        if name == "help":  # not a setting: the flag would end the program
            continue
        flag = name.replace("_", "-")
        if any("\0" in str(part) for part in (value if isinstance(value, list) else [value])):  # no path may
            raise InputError(f"{path}: --{flag} holds a zero byte; put back the file, or begin another run")
        if isinstance(value, bool):
            line.append(f"--{flag}" if value else f"--no-{flag}")
        elif isinstance(value, list):
            line += [f"--{flag}={part}" for part in value] or [f"--{flag}"]  # the action of such flags is "extend"
        elif value is not None:
            line.append(f"--{flag}={value}")
    try:
        return vars(parser.parse_known_args(line)[0])
    except InputError as error:
        raise InputError(f"{path}: {error}; put back the file, or begin another run") from None


def refuse_other_run(run: Path, but: str = "") -> None:
    """Raises InputError if a directory holds a run or a checkpoint, which a new run would overwrite.

    Args:
        but: a file that may be in the directory, since the run reads it.
    """
    # Path.exists would raise if a name is too long. The run says so when it writes.
    refuse_file(run)
    for name in WRITTEN:
        if os.path.exists(run / name) and not (os.path.exists(but) and os.path.samefile(run / name, but)):
            raise InputError(
                f"{run} holds a run already ({name}), or what a run would replace; --resume it, name another --output, "
                f"or remove it"
            )


def refuse_file(directory: Path) -> None:
    """Raises InputError if a file has a directory's name, or the name of a directory above it."""
    there = next((place for place in (directory, *directory.parents) if os.path.exists(place)), None)
    if there is not None and not there.is_dir():
        raise InputError(f"{there}: is no directory, where {directory} was to be made; name another place")


def save_settings(run: Path, settings: TrainingSettings) -> None:
    """Writes the settings to ``arguments.json``, from which ``--resume`` reads them."""
    write_atomically(run / "arguments.json", json.dumps(vars(settings), indent=2) + "\n")
