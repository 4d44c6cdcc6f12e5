"""Tables of texts, or of pairs of texts -> examples, with labels or without.

A label is one name of several (a topic), any number of names (tags), or a number (a similarity).
``config.json`` calls the three "single_label_classification", "multi_label_classification" and "regression".
"""

import math
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bert.errors import InputError
from bert.files.bad_rows import BadRows
from bert.files.tables import read_rows
from bert.heads.classification import PROBLEM_TYPES
from bert.randomness import shuffled
from bert.tasks.classification.folders import read_folders
from bert.tasks.options import Columns

SINGLE, MULTI, REGRESSION = PROBLEM_TYPES
HELD_OUT_PARTS = 10
TRUTHS = {"1": True, "1.0": True, "true": True, "0": False, "0.0": False, "false": False}  # in a column of one label
LARGEST_LABEL = 1e15  # of a regression: the sum of some squared errors of this size still is a float32
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?")  # not 007: that is a name
_HELD_OUT_ORDER = 400  # names the random order by which examples are held out

Label = str | tuple[str, ...] | float


class Example(NamedTuple):
    """A text, or a pair of texts."""

    line: int  # in its file
    first: str
    second: str | None  # None: there is one text
    label: Label | None  # a name, names, or a number; None: not read


def read_examples(
    path: str | Path, columns: Columns, labelled: bool = True, problem_type: str = SINGLE
) -> Iterator[Example]:
    """The examples of a table, in order. Or of a directory, with a folder of texts for each label.

    Args:
        labelled: whether the label column is read. Without labels, texts may be empty. With labels, null as the second
            text makes a row of JSON a single text.

    Raises:
        InputError: if the table is no good (see ``bert.files.tables``), or a text or label is. A number must be finite.
    """
    asked = {"--text-column": columns.text}
    if columns.text_pair is not None:
        asked["--text-pair-column"] = columns.text_pair
    texts = list(asked)
    if labelled:
        _check_label_columns(columns, problem_type)
        if isinstance(columns.label, str):
            asked["--label-column"] = columns.label
        else:
            asked |= {f"--label-column {name}": name for name in columns.label}
    bad = BadRows(path, columns.bad_rows, can_skip=labelled)

    def read(place: str, line: int, values: Sequence[Any]) -> Example:
        is_single = labelled and len(texts) == 2 and values[1] is None  # null in JSON: texts and pairs in one file
        read_texts = [_read_text(value, flag, labelled, place) for flag, value in zip(texts[: 2 - is_single], values)]
        label = _read_label(values[len(texts) :], problem_type, columns, place) if labelled else None
        return Example(line, read_texts[0], read_texts[1] if len(read_texts) == 2 else None, label)

    if labelled and os.path.isdir(path):
        rows = read_folders(path, bad)
    else:
        rows = read_rows(path, asked, columns.header, bad, columns.loose_tabs)
    if_none = f"holds no {'examples' if labelled else 'texts'}; rows of texts were expected"
    return bad.good(rows, read, if_none)


def find_labels(examples: Sequence[Example], source: str, problem_type: str = SINGLE) -> list[str]:
    """The labels of examples, ordered by value if all are whole numbers, else by name.

    If all are numbers, 1 and 1.0 are one label, by its shorter name: pandas writes 1.0 for 1 beside a missing value.

    Raises:
        InputError: if there is only one class, or nearly as many as examples.
    """
    if problem_type == REGRESSION:
        return ["score"]
    names = {name for example in examples for name in _names(example.label)}
    if all(map(_NUMBER.fullmatch, names)):
        names = set({_value(name): name for name in sorted(names, key=len, reverse=True)}.values())
    if len(names) < 2 and problem_type == SINGLE:
        raise InputError(
            f"{source}: all {len(examples):,} labels are {min(names)!r}, so that there is nothing to learn; at least "
            f"two classes were expected in --label-column"
        )
    if len({example.label for example in examples}) == 1 and len(names) > 1:
        raise InputError(
            f"{source}: all {len(examples):,} examples have the labels {', '.join(sorted(names)[:20])}, so that there "
            f"is nothing to learn; a list has names, not 0 and 1 for each label"
        )
    if (
        problem_type == MULTI
        and TRUTHS.keys() >= set(map(str.lower, names))
        and all(len(_names(example.label)) == 1 for example in examples)
    ):
        raise InputError(
            f"{source}: each label is one of {', '.join(sorted(names))}, which says of one label whether it is there: "
            f"name several such columns (--label-column A B), or give --problem single-label"
        )
    if not names:
        raise InputError(f"{source}: none of the {len(examples):,} examples has a label")
    if len(names) > 1_000 and len(names) > len(examples) / 2:
        raise InputError(
            f"{source}: {len(names):,} different labels in {len(examples):,} examples ({', '.join(sorted(names)[:3])}, "
            f"...): is --label-column right? Numbers to predict need --problem regression"
        )
    if all(re.fullmatch("-?[0-9]{1,18}", name) for name in names):
        return sorted(names, key=lambda name: (int(name), name))
    return sorted(names)


def label_ids(examples: Sequence[Example], labels: Sequence[str], problem_type: str, source: str) -> np.ndarray:
    """The labels of examples as the model's loss takes them.

    Returns:
        (examples,) int64 label ids.
        Of several labels (examples, labels) float32 zeros and ones.
        Of a regression (examples,) float32 numbers.

    Raises:
        InputError: if a label of an example is not among ``labels``.
    """
    if problem_type == REGRESSION:
        return np.array([example.label for example in examples], np.float32)
    ids = {label: index for index, label in enumerate(labels)}
    if all(map(_NUMBER.fullmatch, labels)):
        written = {name for example in examples for name in _names(example.label) if _NUMBER.fullmatch(name)}
        values = {_value(label): index for label, index in ids.items()}
        ids = {name: values[_value(name)] for name in written if _value(name) in values} | ids
    for example in examples:
        for name in _names(example.label):
            if name not in ids:
                raise InputError(
                    f"{source}: line {example.line}: the label {name!r} is not one of those trained on: "
                    f"{', '.join(labels[:50])}{', ...' if len(labels) > 50 else ''}"
                )
    if problem_type == SINGLE:
        return np.array([ids[name] for example in examples for name in _names(example.label)], np.int64)
    targets = np.zeros((len(examples), len(labels)), np.float32)
    for row, example in zip(targets, examples):
        row[[ids[name] for name in _names(example.label)]] = 1
    return targets


def hold_out(examples: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """(training, validation) if there is no validation file. A tenth is held out, always the same one.

    Raises:
        InputError: if there are too few.
    """
    if len(examples) < 2 * HELD_OUT_PARTS:
        raise InputError(f"{len(examples)} examples are too few to hold out a tenth of them; give a --dev file")
    order = shuffled(np.arange(len(examples)), len(examples), _HELD_OUT_ORDER)
    held_out = set(order[: len(examples) // HELD_OUT_PARTS].tolist())
    return (
        [example for index, example in enumerate(examples) if index not in held_out],
        [example for index, example in enumerate(examples) if index in held_out],
    )


def _names(label: Label | None) -> tuple[str, ...]:
    return label if isinstance(label, tuple) else (str(label),)


def _value(number: str) -> str:
    """A number without the zeros that change nothing: the same for 1 and 1.0."""
    return number.rstrip("0").removesuffix(".") if "." in number else number


def _check_label_columns(columns: Columns, problem_type: str) -> None:
    if not columns.separator:
        raise InputError("--label-separator is empty: a character between an example's labels was expected")
    names = (columns.label,) if isinstance(columns.label, str) else columns.label
    if len(names) > 1 and problem_type != MULTI:
        raise InputError(
            f"--label-column names {len(names)} columns, each a label that is there or not: give --problem multi-label "
            f"as well, or name one column"
        )
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"--label-column names {name} twice; name each column once")
        if name in (columns.text, columns.text_pair):
            raise InputError(
                f"--label-column {name} is the column of the texts as well: a model would be shown what it is to say; "
                f"name another"
            )


def _read_text(value: Any, flag: str, labelled: bool, place: str) -> str:
    if isinstance(value, list) and value and all(isinstance(part, str) for part in value):
        value = " ".join(value)  # of JSON, such as the keywords of CLUE's CSL
    if not isinstance(value, str) or (labelled and not value.strip()):
        found = "is empty" if value is None or isinstance(value, str) else f"is {str(value)[:80]}"
        raise InputError(f"{place}: the text {found} ({flag})")
    return value


def _read_label(values: Sequence[Any], problem_type: str, columns: Columns, place: str) -> Label:
    if not isinstance(columns.label, str):
        return _names_of_ones(columns.label, values, place)
    (value,) = values
    if problem_type == REGRESSION:
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not abs(number) <= LARGEST_LABEL:
            raise InputError(
                f"{place}: the label {str(value)[:80]!r} is not a number from -{LARGEST_LABEL:g} to {LARGEST_LABEL:g}, "
                f"as a regression needs (its squared errors are added up in float32)"
            )
        return number
    if problem_type == MULTI:
        names = value if isinstance(value, list) else [] if value is None else str(value).split(columns.separator)
        names = [_name(name) for name in names]
        if isinstance(value, str) and value.strip()[:1] + value.strip()[-1:] == "[]":
            raise InputError(f"{place}: the label {value[:80]!r} is a list as text; names were expected, as in a,b")
        if len(set(names)) < len(names) and TRUTHS.keys() >= set(map(str.lower, names)):
            raise InputError(
                f"{place}: the label {str(value)[:80]} is 0 and 1; names were expected, or columns (--label-column A B)"
            )
        return tuple(sorted(set(names) - {""}))
    if isinstance(value, list | dict):
        raise InputError(f"{place}: the label is a {type(value).__name__}, not a name (--label-column)")
    name = _name(value)
    if not name:
        raise InputError(f"{place}: the label is empty (--label-column)")
    if name == columns.no_label:
        raise InputError(f"{place}: the label is {name!r}, which stands for none")
    return name


def _names_of_ones(names: Sequence[str], values: Sequence[Any], place: str) -> tuple[str, ...]:
    """The names of the columns that hold 1, as the labels of an example."""
    for name, value in zip(names, values):
        if _name(value).lower() not in TRUTHS:
            raise InputError(f"{place}: the label {name} is {str(value)[:80]!r}; 0 or 1 was expected, or true or false")
    return tuple(sorted(name for name, value in zip(names, values) if TRUTHS[_name(value).lower()]))


def _name(value: Any) -> str:
    """A label as a name. In JSON it may be a number, or true or false."""
    return "" if value is None else str(value).strip()
