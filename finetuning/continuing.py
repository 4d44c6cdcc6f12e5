"""A run after another one: it takes over the model and its labels, and what is kept of earlier tasks.

    RUN/                                    what a later run needs of it
        config.json, model.safetensors      the model: where it starts, LwF's teacher, and theta* of EWC
        task.json                           the labels of each task
        buffer.jsonl                        examples that were kept       (--keep, or --method replay or agem)
        fisher.safetensors                  how much each weight counts   (--method ewc)

A later run of the same method has all of it too, for earlier tasks and its own. So the earlier run may be removed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from bert.checkpoints.directory import checkpoint_labels, load_checkpoint
from bert.commands.reading import ANYTHING
from bert.config import BertConfig
from bert.continual.buffer import BUFFER, KEEP, kept_of, read_buffer
from bert.continual.label_groups import LabelGroups, load_into_larger_head
from bert.continual.task import ContinualTask, Kept
from bert.errors import InputError
from bert.files.json_objects import read_json_object
from bert.files.schema import Rule, check
from bert.tasks.classification.read import SINGLE, Example, label_ids
from bert.tasks.options import Columns, Options
from bert.tasks.task import Kind, Task
from bert.tokenization.tokenizer import Tokenizer
from bert.variants.build import as_variant
from finetuning.continuing_flags import NEEDS_EXAMPLES
from finetuning.settings import FinetuningSettings


@dataclass(frozen=True)
class Earlier:
    """What a run says of the tasks until then."""

    groups: LabelGroups
    kept: list[Kept]


def read_earlier(settings: FinetuningSettings, kind: Kind, columns: Columns) -> Earlier:
    """The labels of the run that goes on, and the examples that it kept.

    Raises:
        InputError: if it is no run of this kind, if a file of it is damaged, or if examples are needed and none kept.
    """
    run = settings.checkpoint
    labels = checkpoint_labels(run, kind.head)
    if labels is None:
        raise InputError(f"--continue-from {run}: is no run that predicts one label of several; name such a run")
    groups = LabelGroups(labels, label_groups(Path(run) / "task.json", labels))
    kept = read_buffer(run, groups)
    if settings.old_train is not None:
        if kept:
            raise InputError(f"--old-train: {run} has kept examples itself ({BUFFER}); leave it out")
        examples = list(kind.read(settings.old_train, columns, True))
        examples = with_names_of(examples, labels, settings.old_train)
        kept = kept_of(examples, settings.keep or KEEP, 0, settings.seed)
        kept = [each._replace(task=groups.task_of(each.example.label)) for each in kept]
    if settings.method in NEEDS_EXAMPLES and not kept:
        raise InputError(
            f"--method {settings.method} needs examples of earlier tasks, and {run} has kept none; begin it with "
            f"--keep {KEEP}, or name its training examples now: --old-train FILE"
        )
    return Earlier(groups, kept)


def label_groups(file: Path, labels: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """The labels of each task, by a run's ``task.json``. A run that continued none has one task."""
    saved = read_json_object(file) if file.exists() else {}
    if "label_groups" not in saved:
        return (labels,)
    rule = Rule(
        lambda groups: (
            isinstance(groups, list)
            and all(isinstance(group, list) and group and all(label in labels for label in group) for group in groups)
            and {label for group in groups for label in group} == set(labels)
        ),
        f"a list of each task's labels, of {', '.join(labels[:20])},",
    )
    check(saved, {"label_groups": rule}, str(file), "put back what fine-tuning wrote", others=ANYTHING)
    return tuple(map(tuple, saved["label_groups"]))


def with_names_of(examples: Sequence[Example], labels: Sequence[str], source: str) -> list[Example]:
    """The examples with the model's names of their labels: a file may have 1.0 for 1."""
    ids = label_ids(examples, labels, SINGLE, source)
    return [example._replace(label=labels[label]) for example, label in zip(examples, ids)]


def extended_labels(earlier: LabelGroups, kind: Kind, examples: Sequence[Example], source: str) -> LabelGroups:
    """The labels with those of a further task's examples."""
    assert kind.find_labels is not None
    old = [Example(0, "", None, label) for label in earlier.labels]
    new = [label for label in kind.find_labels([*examples, *old], source) if label not in earlier.labels]
    labels = (*earlier.labels, *new)
    return earlier.extended([labels[label] for label in np.unique(label_ids(examples, labels, SINGLE, source))])


def later_task(
    settings: FinetuningSettings, kind: Kind, sets: dict[str, tuple[str, Sequence[Any]]], earlier: Earlier,
    groups: LabelGroups, columns: Columns, tokenizer: Tokenizer, options: Options,
) -> ContinualTask:  # fmt: skip
    """The task of a run that continues another one.

    Raises:
        InputError: if a file or a label does not fit.
    """
    if settings.task_known and len(groups.groups[-1]) < 2:
        raise InputError(
            f"{sets['train'][0]}: has the label {groups.groups[-1][0]!r} alone, so that with --task-known there is "
            f"nothing to learn; give examples of two labels, or leave --task-known out"
        )
    if settings.old_dev is not None:
        old = list(kind.read(settings.old_dev, columns, True))
        sets = sets | {"old_dev": (settings.old_dev, with_names_of(old, earlier.groups.labels, settings.old_dev))}
    return ContinualTask(
        kind, sets, groups, tokenizer, options, len(earlier.groups.labels), earlier.kept, settings.task_known
    )


def larger_model(settings: FinetuningSettings, task: Task, config: BertConfig) -> nn.Module:
    """The run's model, whose head has further rows for new labels, which start untrained.

    Raises an InputError if the run predicts no single label.
    """
    before: Any = load_checkpoint(settings.checkpoint, task.kind.head, config=config)
    if before.problem_type != SINGLE:
        raise InputError(
            f"--continue-from {settings.checkpoint}: is no run that predicts one label of several; name such a run"
        )
    model = as_variant(task.kind.head(config, **task.model_arguments | {"pool": before.pool}))
    load_into_larger_head(model, before.state_dict())
    return model.eval()
