"""The flags about tasks that come one after another, and which of them have a use together."""

import argparse
from collections.abc import Set
from typing import Any

from bert.continual.buffer import KEEP
from bert.continual.ewc import EXAMPLES, STRENGTH
from bert.continual.lwf import WEIGHT
from bert.continual.replay import REPLAY_EVERY
from bert.errors import InputError
from bert.training import flags
from bert.training.flags import add_number, add_switch
from finetuning.adaptation_flags import METHODS as ADAPTATIONS

ADAPTERS = "adapters"
METHODS = ("none", "replay", "agem", "ewc", "lwf", ADAPTERS)
NEEDS_EXAMPLES = ("replay", "agem")
# The methods that heed a flag. The other methods refuse it.
HEEDED_BY = {
    "replay_every": ("replay",), "ewc_strength": ("ewc",), "ewc_decay": ("ewc",), "fisher_examples": ("ewc",),
    "lwf_weight": ("lwf",),
}  # fmt: skip
OF_A_LATER_RUN = ("replay_every", "ewc_strength", "ewc_decay", "lwf_weight", "task_known", "old_train", "old_dev")


_OF_ANOTHER_START = (
    "checkpoint", "class_weights", "compare", "random_start", "fresh", "distil_from", "adapt", "pool",
    "reinitialize_layers",
)  # fmt: skip


def add_continuing_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of the group "later tasks"."""
    group = parser.add_argument_group("later tasks", "new data, and new labels, for a model that is to keep the old")
    group.add_argument("--continue-from", metavar="RUN", help="a run whose model learns these data too")
    group.add_argument("--method", choices=METHODS, help="how to keep what it knew (none)")
    add_number(
        group, "--keep", flags.fraction, f"of the training examples, kept for later runs (replay and agem: {KEEP})"
    )
    add_switch(group, "--task-known", "predict among the labels of the example's own task (among all labels)")
    add_number(group, "--replay-every", flags.positive, f"updates before each replayed one ({REPLAY_EVERY})")
    add_number(group, "--ewc-strength", flags.above_zero, f"lambda, of the penalty on changed weights ({STRENGTH:g})")
    add_number(group, "--ewc-decay", flags.fraction, "of what earlier tasks' weights counted, at each further task (1)")
    add_number(group, "--fisher-examples", flags.positive, f"that say how much each weight counts ({EXAMPLES:,})")
    add_number(group, "--lwf-weight", flags.above_zero, f"of the loss that keeps the old scores ({WEIGHT:g})")
    group.add_argument("--old-train", metavar="FILE", help="training examples of the run, if it has kept none")
    group.add_argument("--old-dev", metavar="FILE", help="labelled texts of earlier tasks, which the report measures")


def check_continuing_flags(given: Set[str], settings: Any) -> None:
    """Checks the flags about later tasks. Raises InputError if one has no use, or two contradict each other."""
    if settings.continue_from is None:
        for name in OF_A_LATER_RUN:
            if name in given:
                raise InputError(f"{flag(name)} is about later tasks: name the run that goes on, --continue-from RUN")
        if settings.method in ("none", "lwf", ADAPTERS):
            raise InputError(
                f"--method {settings.method} keeps nothing for a later run, so a first run has no use for it; leave it "
                f"out, or name the run that goes on, --continue-from RUN"
            )
    elif settings.method == ADAPTERS:
        for name in ("keep", "task_known", "old_train", "old_dev", "compare", "random_start", "fresh", "distil_from"):
            if name in given:
                raise InputError(
                    f"{flag(name)}: with --method adapters each task has an adapter of its own, which stays as it is, "
                    f"and is known; leave it out"
                )
    else:
        for name in _OF_ANOTHER_START:
            if name in given and getattr(settings, name):
                raise InputError(f"{flag(name)}: the model is the one of --continue-from RUN; leave one of them out")
    method, adapt = settings.method or "none", getattr(settings, "adapt", None)
    if method == "ewc" and adapt is not None:
        raise InputError("--method ewc holds weights back, and --adapt freezes them anyway; leave one of them out")
    if adapt is not None and not ADAPTATIONS[adapt].method.merges and (settings.keep or method in NEEDS_EXAMPLES):
        mergeable = ", ".join(name for name, row in ADAPTATIONS.items() if row.method.merges)
        raise InputError(
            f"{'--keep' if settings.keep else f'--method {method}'} keeps examples for a later run, and none can go on "
            f"from this one, since an adapter of {adapt} cannot be merged; leave it out, or adapt by one of {mergeable}"
        )
    for name, methods in HEEDED_BY.items():
        if name in given and method not in methods:
            raise InputError(f"{flag(name)}: it would change nothing with --method {method}; leave it out, or give "
                             f"--method {' or '.join(methods)}")  # fmt: skip
    if "old_train" in given and method not in (*NEEDS_EXAMPLES, "ewc") and settings.keep is None:
        raise InputError(f"--old-train: --method {method} needs no old examples; leave it out")
    if settings.shard and method in ("agem", "ewc"):
        raise InputError(f"--shard: --method {method} compares whole gradients or weights; leave one of them out")


def flag(name: str) -> str:
    """A setting's flag."""
    return f"--{name.replace('_', '-')}"
