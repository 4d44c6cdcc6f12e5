"""Known data sets by name, with their published files and columns and their usual metrics."""

import os
from pathlib import Path
from typing import NamedTuple

from bert.errors import InputError
from bert.tasks.options import Columns


class KnownTask(NamedTuple):
    """A published data set."""

    columns: Columns | None  # None: the files are no tables
    metric: str = "accuracy"  # selects the best epoch
    problem: str = "single-label"  # its kind, see ``bert.tasks.kinds``
    train: str = "train.tsv"
    dev: str | None = "dev.tsv"  # None: a part of train is held out


# GLUE's test files have no labels. Its dev files are the ones to measure on.
KNOWN_TASKS = {
    #                            text         text_pair    label
    "cola": KnownTask(Columns("4",         None,        "2", header=False), metric="matthews"),
    "sst2": KnownTask(Columns("sentence",  None,        "label")),
    "mrpc": KnownTask(Columns("#1 String", "#2 String", "Quality")),
    "stsb": KnownTask(Columns("sentence1", "sentence2", "score"), metric="pearson", problem="regression"),
    "qqp":  KnownTask(Columns("question1", "question2", "is_duplicate", has_damage=True)),
    "mnli": KnownTask(Columns("sentence1", "sentence2", "gold_label"), dev="dev_matched.tsv"),
    "qnli": KnownTask(Columns("question",  "sentence",  "label")),
    "rte":  KnownTask(Columns("sentence1", "sentence2", "label")),
    "wnli": KnownTask(Columns("sentence1", "sentence2", "label")),
    "imdb": KnownTask(Columns("text",      None,        "label"), dev=None),
    "conll2003": KnownTask(None, metric="f1", problem="tagging", train="train.txt", dev="valid.txt"),
    "semeval2010": KnownTask(None, metric="macro_f1", problem="relations", train="train.txt", dev=None),
    "squad": KnownTask(None, metric="f1", problem="spans", train="train-v1.1.json", dev="dev-v1.1.json"),
    "squad2": KnownTask(None, metric="f1", problem="spans", train="train-v2.0.json", dev="dev-v2.0.json"),
}  # fmt: skip


def find_file(directory: str | Path, name: str) -> Path:
    """A file of a data set's directory, plain or compressed. Raises InputError if there is none of that name."""
    for suffix in ("", ".gz", ".xz", ".bz2"):
        path = Path(directory) / f"{name}{suffix}"
        if os.path.exists(path):  # Path.exists raises if a name is too long
            return path
    what = "no such directory" if not os.path.isdir(directory) else f"holds no {name} (nor {name}.gz, .xz, .bz2)"
    raise InputError(f"{directory}: {what}; name the data set's directory: --data, or its files: --train, --dev")
