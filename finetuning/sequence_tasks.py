"""The tasks of a sequence: their examples, drawn by a seed, as files for its runs.

    sst2=glue/SST-2       a known data set and its directory
    library               the built-in task
    mails=mails.csv       a table; a tenth of it is held out to measure on

A label of one task is not the same label of another one, so each has its task's name: "sst2: 1", "mrpc: 1".
"""

import json
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bert.errors import InputError
from bert.files.whole import write_atomically
from bert.randomness import shuffled
from bert.tasks.classification.read import SINGLE, Example, find_labels, hold_out, label_ids, read_examples
from bert.tasks.options import Columns
from data.text.python_docs import read_named_python_docs
from finetuning.built_in import library_examples
from finetuning.known_tasks import KNOWN_TASKS, find_file, known_task

BUILT_IN = "library"
_DRAWN_ORDER = 620  # names the random order by which examples are drawn


@dataclass(frozen=True)
class SequenceTask:
    """A task of a sequence."""

    name: str
    labels: tuple[str, ...]  # its own, by the names that the model has for them
    training: Sequence[Example]
    dev: Sequence[Example]

    @property
    def has_pairs(self) -> bool:
        """Whether any of its examples is a pair of texts."""
        return any(example.second is not None for example in (*self.training, *self.dev))

    def write(self, folder: Path) -> list[str]:
        """Writes its files, train.jsonl and dev.jsonl. Returns the flags of ``train_finetune.py`` that name them."""
        flags = ["--text-pair-column", "text_pair"] if self.has_pairs else []
        for name, examples in (("train", self.training), ("dev", self.dev)):
            write_atomically(folder / f"{name}.jsonl", "".join(_as_json(each, self.has_pairs) for each in examples))
            flags += [f"--{name}", str(folder / f"{name}.jsonl")]
        return flags


def _as_json(example: Example, with_pair: bool) -> str:
    pair = {"text_pair": example.second} if with_pair else {}
    return json.dumps({"text": example.first} | pair | {"label": example.label}, ensure_ascii=False) + "\n"


def read_sequence(
    texts: Sequence[str], columns: Columns, examples: int, seed: int, shared_labels: bool = False
) -> list[SequenceTask]:
    """The tasks of a sequence, in order.

    Args:
        texts: each "NAME=PATH" or "library".
        columns: of the tables that are no known data set.
        examples: how many training examples of each task are drawn. A smaller task has all of its own.
        shared_labels: whether labels of the same name are the same label in all tasks.

    Raises:
        InputError: if a name is no name or is there twice, if a task cannot be read or its texts have not one label of
            several each, or if columns are named and no table is there.
    """
    named = [_name_and_path(text) for text in texts]
    names = [name for name, _ in named]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"--tasks: {name} is there twice; give each task a name of its own, NAME=PATH")
    if columns != Columns() and not any(_is_table(name, path) for name, path in named):
        raise InputError("--text-column and the like are about tables, and --tasks names none; leave them out")
    tasks = []
    for name, path in named:
        training, dev, source = _read(name, path, columns)
        drawn = shuffled(np.arange(min(examples, len(training))), len(training), seed, _DRAWN_ORDER)
        training = [training[index] for index in sorted(drawn.tolist())]
        labels = find_labels(training, source)
        own = labels if shared_labels else [f"{name}: {label}" for label in labels]
        training, dev = (
            [
                example._replace(label=own[index])
                for example, index in zip(part, label_ids(part, labels, SINGLE, source))
            ]
            for part in (training, dev)
        )
        tasks.append(SequenceTask(name, tuple(own), training, dev))
    return tasks


def all_at_once(tasks: Iterable[SequenceTask]) -> SequenceTask:
    """All tasks as one, with all their labels."""
    tasks = list(tasks)
    labels = dict.fromkeys(label for task in tasks for label in task.labels)
    training, dev = (
        [each for task in tasks for each in part(task)] for part in (lambda task: task.training, lambda task: task.dev)
    )
    return SequenceTask("all at once", tuple(labels), training, dev)


def _name_and_path(text: str) -> tuple[str, str | None]:
    """ "NAME=PATH" in two; the built-in task has no path."""
    name, equals, path = text.partition("=")
    if text == BUILT_IN:
        return name, None
    if not equals or not path or not re.fullmatch(r"\w[\w-]*", name):
        raise InputError(
            f"--tasks {text}: NAME=PATH was expected, with letters, digits and dashes in the name, such as "
            f"sst2=glue/SST-2 or mails=mails.csv; or {BUILT_IN}, the built-in task"
        )
    return name, path


def _is_table(name: str, path: str | None) -> bool:
    """Whether a task is a file of the user's own, or a folder of texts for each label."""
    return path is not None and not (name in KNOWN_TASKS and os.path.isdir(path))


def _read(name: str, path: str | None, columns: Columns) -> tuple[list[Example], list[Example], str]:
    """The training and validation examples of a task, and where they are from."""
    if path is None:
        return *library_examples(read_named_python_docs()), "the built-in task"
    if _is_table(name, path):
        return *hold_out(list(read_examples(path, columns))), path
    known = known_task(name, path)
    if known.problem != "single-label" or known.columns is None:
        raise InputError(
            f"--tasks {name}={path}: is a task of the kind {known.problem}; in a sequence each text has one label of "
            f"several (single-label)"
        )
    training = list(read_examples(find_file(path, known.train), known.columns))
    if known.dev is None:
        return *hold_out(training), path
    return training, list(read_examples(find_file(path, known.dev), known.columns)), path
