"""The flags that both scripts share, and how a resumed run comes by those that it was begun with.

A flag that is not given is not in argparse's result, so that "not given" and "given as the default" differ: a run's
settings are the flags given, over those of the run that is resumed, over the defaults.
"""

import argparse
import json
import math
import os
from pathlib import Path

from bert.errors import InputError
from bert.files.whole import read_json_object, write_atomically

SHARED_DEFAULTS = {
    "resume": False, "seed": 0, "device": "auto", "epochs": None, "accumulate": 1, "max_length": 128,
    "optimizer": "bert-adamw", "warmup_steps": None, "precision": "auto", "compile": False, "report_every": 50,
    "shard_optimizer": False, "recompute": False,
}  # fmt: skip
# What a resumed run may do otherwise than before; anything else would make it another run.
SHARED_MAY_CHANGE = {
    "output", "resume", "device", "max_length", "batch_size", "accumulate", "epochs", "max_steps", "learning_rate",
    "warmup_steps", "precision", "compile", "report_every", "eval_every", "checkpoint_every", "shard_optimizer",
    "recompute",
}  # fmt: skip

LARGEST = 2**31 - 1  # of what counts something: beyond all that a run could use, and what every library takes
# What a run writes, at one time or another: a new one replaces none of it.
WRITTEN = (
    "arguments.json", "config.json", "model.safetensors", "training_state", "task.json", "vocab.txt",
    "tokenizer_config.json", "spm.model", "tokenizer.json", "log.jsonl", "predictions.tsv", "report.json",
    "report.html", "curves.png", "tensorboard",
)  # fmt: skip


def make_parser(description: str | None) -> argparse.ArgumentParser:
    """A parser without flags, whose result has only what was given."""
    return _Parser(
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )


class _Parser(argparse.ArgumentParser):
    def error(self, message: str):
        """Raises what is wrong with the flags as the InputError that it is, without the list of all flags."""
        raise InputError(f"{message}; --help explains the flags")


def add_switch(group, flag: str, meaning: str) -> None:
    """``--flag`` and ``--no-flag``."""
    group.add_argument(flag, action=argparse.BooleanOptionalAction, help=meaning)


def add_number(group, flag: str, kind, meaning: str) -> None:
    """A flag that takes a number of a kind: ``whole``, ``positive``, ``above_zero``, ``probability``."""
    group.add_argument(flag, type=kind, metavar="N", help=meaning)


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Where a run is, and where it computes."""
    run = parser.add_argument_group("the run")
    run.add_argument("--output", metavar="DIR", type=name_of_directory, help="the run's directory")
    add_switch(run, "--resume", "go on with the run in --output; flags are as it was begun with, unless given")
    add_number(run, "--seed", seed, "names all random numbers of the run (0)")
    run.add_argument("--device", choices=("auto", "cpu", "cuda"), help="where to compute (a GPU where there is one)")


def add_training_arguments(parser: argparse.ArgumentParser):
    """How a run trains; returns the group, for what a script has besides."""
    training = parser.add_argument_group("training")
    add_number(training, "--max-steps", positive, "updates to the end of the run and of its learning-rate schedule")
    add_number(training, "--epochs", positive, "passes over the data, in the place of --max-steps")
    add_number(training, "--batch-size", positive, "examples in an update, over all processes and micro-batches")
    add_number(training, "--accumulate", positive, "micro-batches that an update is computed in, to save memory (1)")
    add_number(training, "--max-length", positive, "tokens in an example, special tokens included (128)")
    add_number(training, "--learning-rate", above_zero, "at its peak")
    add_number(training, "--warmup-steps", whole, "updates up to the peak")
    training.add_argument(
        "--optimizer", choices=("bert-adamw", "adamw"), help="BERT's AdamW, without bias correction, or torch's"
    )
    training.add_argument(
        "--precision", choices=("auto", "fp32", "bf16", "fp16"), help="of matrix products (bf16 where it is fast)"
    )
    add_switch(training, "--compile", "torch.compile the model's parts, for training")
    add_switch(training, "--shard-optimizer", "each process keeps a part of the optimizer's state, to save memory")
    add_switch(training, "--recompute", "keep little of each layer and compute it again for its gradient: less memory")
    add_number(training, "--report-every", positive, "updates between lines of the log (50)")
    add_number(training, "--eval-every", positive, "updates between evaluations")
    add_number(training, "--checkpoint-every", positive, "updates between checkpoints")
    return training


def name_of_directory(text: str) -> str:
    """A name that is not empty, as that of a variable that is not set would be."""
    if not text.strip():
        raise argparse.ArgumentTypeError("the name is empty; name a directory")
    return text


def whole(text: str, largest: int = LARGEST) -> int:
    """A whole number from 0 to ``largest``."""
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is below 0")
    if number > largest:
        raise argparse.ArgumentTypeError(f"{text} is above {largest:,}")
    return number


def seed(text: str) -> int:
    """A whole number of at least 0 that random generators take."""
    return whole(text, largest=2**63 - 1)


def positive(text: str) -> int:
    """A whole number of at least 1, and at most LARGEST."""
    number = whole(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
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


def over(earlier: dict, said: dict) -> dict:
    """Settings, with what is said last in the place of what was earlier.

    ``max_steps`` and ``epochs`` both say how long a run is. Whoever says one of them leaves the other unsaid; whoever
    says both wants the sooner of the two (``bert.training.schedule.steps_of_run``).
    """
    limits = {"max_steps", "epochs"}
    if limits & said.keys():
        earlier = earlier | dict.fromkeys(limits)
    return earlier | said


def settings_of_run(
    given: dict, defaults: dict, may_change: set[str], parser: argparse.ArgumentParser, own_flag: str
) -> dict:
    """The settings of a new run, or of the one that is resumed.

    Args:
        given: the flags given.
        defaults: of the flags not given, for a new run; ``output`` is among them.
        may_change: the flags that a resumed run may have otherwise than before.
        parser: of the flags.
        own_flag: a flag that each run of this script has in its settings, and no run of another script.

    Raises:
        InputError: where the run's directory holds another run, or there is none to resume, or a flag would make it
            another one.
    """
    run = Path(given.get("output", defaults["output"]))
    file = run / "arguments.json"
    if not given.get("resume"):
        refuse_other_run(run, but=given.get("vocab"))
        return over(defaults, given)
    if not os.path.exists(file):  # Path.exists raises where a name is too long
        raise InputError(f"--resume: nothing to resume from in {run} ({file.name} is not there); name its --output")
    saved = _saved_settings(file, parser)
    if own_flag not in saved:
        raise InputError(f"--resume: {run} is no run of this script: {file} names no {own_flag}; use the other script")
    before = over(defaults, saved)
    for name in sorted(given.keys() - may_change):
        if given[name] != before[name]:
            raise InputError(
                f"--{name.replace('_', '-')} {given[name]} is not what {run} was begun with ({before[name]}), and "
                f"cannot change on the way; leave it out, or begin another run"
            )
    return over(before, given)


def _saved_settings(path: Path, parser: argparse.ArgumentParser) -> dict:
    """What a run was begun with: each setting is read as if it were given as a flag, so that it is checked as one."""
    line = []
    for name, value in read_json_object(path).items():
        if name == "help":  # no setting: it would end the program
            continue
        flag = name.replace("_", "-")
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


def refuse_other_run(run: Path, but: str | None = None) -> None:
    """
    Args:
        but: a file that may be there, since the run reads it.

    Raises:
        InputError: where the directory holds a run or a checkpoint, which a new run would write over.
    """
    # Path.exists would raise where a name is too long; that it is, is said when the run is written.
    refuse_file(run)
    for name in WRITTEN:
        if os.path.exists(run / name) and not (but is not None and _is_same_file(run / name, but)):
            raise InputError(
                f"{run} holds a run already ({name}), or what a run would replace; --resume it, name another --output, "
                f"or remove it"
            )


def _is_same_file(path: Path, other: str) -> bool:
    return os.path.exists(other) and os.path.samefile(path, other)


def refuse_file(directory: Path) -> None:
    """
    Raises:
        InputError: where the directory cannot be made, because a file is in its place or in that of one above it.
    """
    there = next((place for place in (directory, *directory.parents) if os.path.exists(place)), None)
    if there is not None and not there.is_dir():
        raise InputError(f"{there}: is no directory, where {directory} was to be made; name another place")


def save_settings(run: Path, settings: dict) -> None:
    """Writes the settings to ``arguments.json``, where a resumed run finds them."""
    write_atomically(run / "arguments.json", json.dumps(settings, indent=2) + "\n")
