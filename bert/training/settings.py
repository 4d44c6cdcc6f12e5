"""The settings of a run, and how a resumed run finds the settings it began with.

A run's settings are the flags given, over the settings of the run that is resumed, over the defaults.
"""

import argparse
import json
import os
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import NoneType
from typing import Any, ClassVar, TypeVar, get_args

from bert.errors import InputError
from bert.files.json_objects import read_json_object
from bert.files.whole import write_atomically
from bert.training.optimizer import WEIGHT_DECAY

MODELS = ("model.safetensors", "adapter_model.safetensors")  # a run's model is in one of them
# The files that a run writes at one time or another. A new run replaces none of them.
WRITTEN = (
    "arguments.json", "config.json", "adapter_config.json", *MODELS, "training_state", "task.json", "vocab.txt",
    "tokenizer_config.json", "special_tokens_map.json", "spm.model", "tokenizer.json", "log.jsonl", "predictions.tsv",
    "report.json", "modules.json", "report.html", "curves.png", "tensorboard", "buffer.jsonl", "fisher.safetensors",
    "adapters", "target", "checkpoints",
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
    weight_decay: float = WEIGHT_DECAY
    precision: str = "auto"
    compile: bool = False
    plain: bool = False
    shard: bool = False
    recompute: bool = False
    report_every: int = 50
    eval_every: int | None = None
    checkpoint_every: int | None = None

    # A resumed run may change these settings. To change any other would make it another run.
    MAY_CHANGE: ClassVar[frozenset[str]] = frozenset({
        "output", "resume", "device", "max_length", "batch_size", "accumulate", "epochs", "max_steps", "learning_rate",
        "warmup_steps", "precision", "compile", "plain", "report_every", "eval_every", "checkpoint_every", "shard",
        "recompute",
    })  # fmt: skip
    # What holds for the runs that were saved before a setting existed, if that is not its default.
    OLDER_RUNS: ClassVar[dict[str, Any]] = {}
    # Every run of this script saves this setting, and no run of the other script does.
    OWN_FLAG: ClassVar[str] = ""

    def cleared_by(self, later: dict[str, Any]) -> set[str]:
        """The settings that flags given later replace, besides their own.

        ``max_steps`` and ``epochs`` both limit a run. Giving one flag clears the other. With both, the run ends at
        whichever comes first (``bert.training.schedule.steps_of_run``).
        """
        limits = {"max_steps", "epochs"}
        return limits if later.keys() & limits else set()


Settings = TypeVar("Settings", bound=TrainingSettings)


def override(earlier: Settings, later: dict[str, Any]) -> Settings:
    """``earlier`` with the values of ``later``, and without those that they replace (``cleared_by``)."""
    return replace(earlier, **(dict.fromkeys(earlier.cleared_by(later)) | later))


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
    saved = _saved_settings(file, parser, defaults.OLDER_RUNS)
    if defaults.OWN_FLAG not in saved:
        raise InputError(
            f"--resume: {run} is no run of this script: {file} names no {defaults.OWN_FLAG}; use the other script"
        )
    before = override(defaults, _left_open(file, defaults) | saved | {"output": str(run)})  # it may have been moved
    for name in sorted(given.keys() - defaults.MAY_CHANGE):
        if given[name] != getattr(before, name):
            raise InputError(
                f"--{name.replace('_', '-')} {given[name]} is not what {run} was begun with ({getattr(before, name)}), "
                f"and cannot change on the way; leave it out, or begin another run"
            )
    return override(before, given)


def _saved_settings(path: Path, parser: argparse.ArgumentParser, older_runs: dict[str, Any]) -> dict[str, Any]:
    """The settings in a run's ``arguments.json``. The parser checks each as if it were given as a flag."""
    line = []
    for name, value in (older_runs | read_json_object(path)).items():
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


def _left_open(path: Path, defaults: TrainingSettings) -> dict[str, None]:
    """The settings that a run saved as null, since the script decides them. ``override`` knows of the run's limits."""
    may_be = {field.name for field in fields(defaults) if NoneType in get_args(field.type)} - {"max_steps", "epochs"}
    return {name: None for name, value in read_json_object(path).items() if value is None and name in may_be}


def check_plain(settings: TrainingSettings) -> None:
    """Raises an InputError if the settings ask for the code as it is written, and for other code in its place."""
    if settings.plain and settings.compile:
        raise InputError(
            "--plain runs the code as it is written, and --compile makes other code of it; leave one of the two out "
            "(in a resumed run: --no-plain or --no-compile)"
        )


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
        raise InputError(f"{there}: is no directory, so {directory} cannot be made; name another place")


def save_settings(run: Path, settings: TrainingSettings) -> None:
    """Writes the settings to ``arguments.json``, from which ``--resume`` reads them."""
    write_atomically(run / "arguments.json", json.dumps(vars(settings), indent=2) + "\n")
