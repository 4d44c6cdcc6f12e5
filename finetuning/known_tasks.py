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
    test: str | None = None  # it is measured too if it is there


SWAG = KnownTask(None, problem="choices", train="train.csv", dev="val.csv")
CONLL = KnownTask(None, metric="f1", problem="tagging", train="train.txt", dev="valid.txt", test="test.txt")
SEMEVAL = KnownTask(None, metric="macro_f1", problem="relations", train="train.txt", dev=None)
SQUAD = KnownTask(None, metric="f1", problem="spans", train="train-v1.1.json", dev="dev-v1.1.json")
SQUAD2 = SQUAD._replace(train="train-v2.0.json", dev="dev-v2.0.json")
CLUE = {"train": "train.json", "dev": "dev.json"}

# GLUE's test files have no labels. Its dev files are the ones to measure on.
KNOWN_TASKS = {
    #                            text         text_pair    label
    "cola": KnownTask(Columns("4",         None,        "2", header=False), metric="matthews"),
    "sst2": KnownTask(Columns("sentence",  None,        "label")),
    "mrpc": KnownTask(Columns("#1 String", "#2 String", "Quality")),
    "stsb": KnownTask(Columns("sentence1", "sentence2", "score"), metric="pearson", problem="regression"),
    "qqp":  KnownTask(Columns("question1", "question2", "is_duplicate", bad_rows="skip")),  # some rows lack a field
    "mnli": KnownTask(Columns("sentence1", "sentence2", "gold_label"), dev="dev_matched.tsv",
                      test="dev_mismatched.tsv"),
    "snli": KnownTask(Columns("sentence1", "sentence2", "gold_label", no_label="-", bad_rows="skip"),
                      train="snli_1.0_train.jsonl", dev="snli_1.0_dev.jsonl", test="snli_1.0_test.jsonl"),
    "qnli": KnownTask(Columns("question",  "sentence",  "label")),
    "rte":  KnownTask(Columns("sentence1", "sentence2", "label")),
    "wnli": KnownTask(Columns("sentence1", "sentence2", "label")),
    "imdb": KnownTask(Columns("text",      None,        "label"), dev=None),
    "tnews":   KnownTask(Columns("sentence",  None,        "label"), **CLUE),
    "iflytek": KnownTask(Columns("sentence",  None,        "label"), **CLUE),
    "afqmc":   KnownTask(Columns("sentence1", "sentence2", "label"), **CLUE),
    "cmnli":   KnownTask(Columns("sentence1", "sentence2", "label", no_label="-", bad_rows="skip"), **CLUE),
    "ocnli":   KnownTask(Columns("sentence1", "sentence2", "label", no_label="-", bad_rows="skip"), **CLUE),
    "csl":     KnownTask(Columns("keyword",   "abst",      "label"), **CLUE),
    "swag": SWAG,
    "conll2003": CONLL,
    "semeval2010": SEMEVAL,
    "squad": SQUAD,
    "squad2": SQUAD2,
}  # fmt: skip

_MNLI, _SNLI = KNOWN_TASKS["mnli"], KNOWN_TASKS["snli"]
_UNLABELLED = Columns("sentence1", "sentence2", "gold_label", no_label="-", bad_rows="skip")

# The same data under other names: the files of the authors, if the table above has GLUE's, and the other way round.
OTHER_FORMS = {
    "cola": [KNOWN_TASKS["cola"]._replace(
        train=f"{folder}in_domain_train.tsv", dev=f"{folder}in_domain_dev.tsv", test=f"{folder}out_of_domain_dev.tsv",
    ) for folder in ("", "raw/")],
    "mrpc": [KNOWN_TASKS["mrpc"]._replace(
        train="msr_paraphrase_train.txt", dev=None, test="msr_paraphrase_test.txt",
    )],
    # genre, file, year, index, score, two sentences; some rows name sources besides
    "stsb": [KNOWN_TASKS["stsb"]._replace(
        columns=Columns("6", "7", "5", header=False, loose_tabs=True),
        train="sts-train.csv", dev="sts-dev.csv", test="sts-test.csv",
    )],
    "qqp": [KNOWN_TASKS["qqp"]._replace(train="quora_duplicate_questions.tsv", dev=None)],
    "mnli": [_MNLI._replace(
        columns=_UNLABELLED, train=f"multinli_1.0_train.{form}", dev=f"multinli_1.0_dev_matched.{form}",
        test=f"multinli_1.0_dev_mismatched.{form}",
    ) for form in ("jsonl", "txt")],
    "snli": [
        _SNLI._replace(train="snli_1.0_train.txt", dev="snli_1.0_dev.txt", test="snli_1.0_test.txt"),
        _SNLI._replace(train="train.tsv", dev="dev.tsv", test="test.tsv"),
    ],
    "imdb": [KNOWN_TASKS["imdb"]._replace(train=f"{folder}train", test=f"{folder}test") for folder in ("", "aclImdb/")],
    "ocnli": [KNOWN_TASKS["ocnli"]._replace(train="train.50k.json")],
    "conll2003": [CONLL._replace(train="eng.train", dev="eng.testa", test="eng.testb")],
    "semeval2010": [SEMEVAL._replace(
        train=f"{folder}TRAIN_FILE.TXT", test=f"{folder.replace('training', 'testing_keys')}TEST_FILE_FULL.TXT",
    ) for folder in ("", "SemEval2010_task8_training/")],
}  # fmt: skip


def known_task(name: str, directory: str | Path | None) -> KnownTask:
    """A known data set, in the form in which a directory has it. None of them there: in the usual form."""
    usual = KNOWN_TASKS[name]
    if directory is None:
        return usual
    forms = (usual, *OTHER_FORMS.get(name, ()))
    return next((form for form in forms if _existing(directory, form.train)), usual)


def find_file(directory: str | Path, name: str) -> Path:
    """A file of a data set's directory, plain or compressed. Raises InputError if there is none of that name."""
    if path := _existing(directory, name):
        return path
    what = "no such directory" if not os.path.isdir(directory) else f"holds no {name} (nor {name}.gz, .xz, .bz2)"
    raise InputError(f"{directory}: {what}; name the data set's directory: --data, or its files: --train, --dev")


def find_test_file(directory: str | Path, known: KnownTask) -> Path | None:
    """The file to measure on at last, or None if the directory has none."""
    return None if known.test is None else _existing(directory, known.test)


def _existing(directory: str | Path, name: str) -> Path | None:
    paths = (Path(directory) / f"{name}{suffix}" for suffix in ("", ".gz", ".xz", ".bz2"))
    return next((path for path in paths if os.path.exists(path)), None)  # Path.exists raises if a name is too long
