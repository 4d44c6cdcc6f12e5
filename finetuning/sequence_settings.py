"""The settings of a sequence of tasks: the command's flags, and which of its runs the others go to."""

import argparse
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import SimpleNamespace

from bert.errors import InputError
from bert.files.json_objects import read_json_object
from bert.tasks.report import write_json
from bert.training.flags import positive
from finetuning.adaptation_flags import AdaptationSettings
from finetuning.child_runs import by_flag
from finetuning.continuing_flags import (
    ADAPTERS,
    METHODS,
    NEEDS_EXAMPLES,
    OF_A_LATER_RUN,
    add_continuing_arguments,
    check_continuing_flags,
    flag,
)
from finetuning.flags import make_parser as make_parser_of_runs
from finetuning.sequence_tasks import BUILT_IN

OWN = ("continue_from", "old_train", "old_dev", "task_known")  # the command gives these flags itself
LATER = (*OF_A_LATER_RUN, "temperature")  # LwF's
FIRST = ("fresh", "pool", "reinitialize_layers")  # a later run has the model of the one before it
OF_ADAPTERS = tuple(AdaptationSettings.__dataclass_fields__)
DECIDED = (  # by the command, for each of its runs
    "task", "data", "train", "dev", "test", "problem", "resume", "seeds", "compare", "random_start", "class_weights",
    "unlabelled", "distil_from", "patterns", "zero_shot",
)  # fmt: skip
MAY_CHANGE = ("output", "bounds")


@dataclass(frozen=True)
class SequenceSettings:
    """The command's flags, and those of its runs."""

    tasks: list[str]
    examples: int
    method: str
    task_known: bool
    shared_labels: bool
    bounds: bool
    seed: int
    checkpoint: str
    output: str
    text_column: str | None
    text_pair_column: str | None
    label_column: str | None
    others: list[str] = field(default_factory=list)  # flags of all runs
    of_method: list[str] = field(default_factory=list)  # flags of all runs of the method
    of_later: list[str] = field(default_factory=list)  # flags of its runs that go on from another
    of_first: list[str] = field(default_factory=list)  # flags of runs that start from the checkpoint
    of_adapters: list[str] = field(default_factory=list)  # flags of adapters

    def place(self, *names: str) -> Path:
        """A folder or a file in the output."""
        return Path(self.output, *names)


def make_parser(description: str | None) -> argparse.ArgumentParser:
    """The command's own flags."""
    parser = argparse.ArgumentParser(
        "python -m finetuning.sequence", description=description, formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )  # fmt: skip
    add = parser.add_argument
    text = f"in order: a known task and its directory, a name and a table, or '{BUILT_IN}', the built-in task"
    add("--tasks", nargs="+", required=True, metavar="NAME=PATH", help=text)
    number = partial(add, type=positive, metavar="N")
    number("--examples", default=2_000, help="training examples of each task, drawn by the seed (%(default)s)")
    add("--method", choices=METHODS, default="none",
        help="how to keep what was learned; adapters: one for each task, by --adapt (lora) (%(default)s)")  # fmt: skip
    add("--task-known", action="store_true", help="train each task among its own labels (among all labels so far)")
    add("--shared-labels", action="store_true", help="a label's name means the same in every task (it does not)")
    add("--bounds", action="store_true", help="besides: one after another, all at once, one model each")
    add("--seed", type=int, default=0, metavar="N", help="of the draws and of all runs (%(default)s)")
    add("--checkpoint", default="runs/pretrain", metavar="DIR", help="(%(default)s)")
    add("--output", default="runs/sequence", metavar="DIR", help="the directory of all runs (%(default)s)")
    for name, text in (("text", "text"), ("text-pair", "none"), ("label", "label")):
        add(f"--{name}-column", metavar="NAME", help=f"of tables that are no known task ({text})")
    return parser


def read_settings(own: argparse.Namespace, others: list[str]) -> SequenceSettings:
    """The settings, with each flag of the runs where it belongs.

    Raises:
        InputError: if the method does not heed one of them, or the command decides it.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, argument_default=argparse.SUPPRESS)
    add_continuing_arguments(parser)
    parser.add_argument("--temperature")
    found, rest = parser.parse_known_args(others)
    of_method = vars(found)
    for name in OWN:
        if name in of_method:
            raise InputError(f"{flag(name)}: the command gives it to each run; leave it out")
    if own.method == ADAPTERS and (of_method or own.task_known):
        name = flag(next(iter(of_method), "task_known"))
        raise InputError(f"{name}: with --method adapters each task has a model of its own, and is known; leave it out")
    if own.method != ADAPTERS:
        checked = {"continue_from": "a run", "method": own.method, "shard": False, "keep": None} | of_method
        check_continuing_flags({*of_method, "continue_from", "method"}, SimpleNamespace(**checked))
    for name, methods in (("keep", NEEDS_EXAMPLES), ("temperature", ("lwf",))):
        if name in of_method and own.method not in methods:
            raise InputError(
                f"{flag(name)}: in a sequence, it is heeded by --method {' or '.join(methods)}; leave it out"
            )
    spelled = {name: [flag(name), str(value)] for name, value in of_method.items()}
    sorted_flags: dict[str, list[str]] = {"others": [], "of_first": [], "of_adapters": []}
    runs = make_parser_of_runs(None)
    runs.parse_args(rest)  # says what is no flag
    for group in by_flag(rest):
        name = next(iter(vars(runs.parse_args(group))))
        if name in DECIDED:
            raise InputError(f"{group[0]}: the command decides it for each run; leave it out")
        if name in OF_ADAPTERS and own.method != ADAPTERS:
            raise InputError(f"{group[0]}: is about adapters; leave it out, or give --method adapters")
        sort = "of_first" if name in FIRST else "of_adapters" if name in OF_ADAPTERS else "others"
        sorted_flags[sort] += group
    return SequenceSettings(
        **vars(own), **sorted_flags,
        of_method=[each for name, flags in spelled.items() if name not in LATER for each in flags],
        of_later=[each for name, flags in spelled.items() if name in LATER for each in flags],
    )  # fmt: skip


def keep_settings(sequence: SequenceSettings) -> None:
    """Writes the settings, or compares them with those of the runs that are there. More tasks may come at the end.

    A command that was refused has begun no run, so it may be given again with other settings.

    Raises:
        InputError: if runs were begun with other settings.
    """
    path, settings = sequence.place("sequence.json"), dict(vars(sequence))
    if path.exists() and any(sequence.place().glob("*/arguments.json")):
        before = {"of_first": [], "of_adapters": []} | read_json_object(path)  # earlier versions had them in others
        for name in settings.keys() - set(MAY_CHANGE):
            was = before.get(name)
            same = (
                settings[name][: len(was)] == was
                if name == "tasks" and isinstance(was, list)
                else settings[name] == was
            )
            if not same:
                what = "further flags" if name == "others" or name.startswith("of_") else flag(name)
                raise InputError(
                    f"{sequence.output} was begun with other {what}: {was}; give the same, or name another --output"
                )
        if before.get("tasks") != settings["tasks"] and sequence.place("bounds", "all-at-once").exists():
            raise InputError(f"{sequence.output} has all tasks at once already; for more tasks name another --output")
    write_json(path, settings)
