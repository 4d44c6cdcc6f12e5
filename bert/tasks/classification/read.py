"""Tables of texts, or of pairs of texts -> examples, with labels or without.

A label is one name of several (a topic), any number of names (tags), or a number (a similarity).
``config.json`` calls the three "single_label_classification", "multi_label_classification" and "regression".
"""

import math
import re
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bert.errors import InputError
from bert.files.tables import read_rows
from bert.heads.classification import PROBLEM_TYPES
from bert.randomness import shuffled
from bert.tasks.options import Columns

SINGLE, MULTI, REGRESSION = PROBLEM_TYPES
HELD_OUT_PARTS = 10
LARGEST_LABEL = 1e15  # of a regression: the sum of some squared errors of this size still is a float32
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
    """The examples of a table, in order.

    Args:
        labelled: whether the label column is read. Without labels, texts may be empty.

    Raises:
        InputError: if the table is no good (see ``bert.files.tables``), or a text or label is. A number must be finite.
    """
    asked = {"--text-column": columns.text}
    if columns.text_pair is not None:
        asked["--text-pair-column"] = columns.text_pair
    texts = len(asked)
    if labelled:
        _check_label_column(columns)
        asked["--label-column"] = columns.label
    damaged: list[int] | None = [] if labelled and columns.has_damage else None
    empty = True
    for line, values in read_rows(path, asked, columns.header, damaged):
        if damaged is not None and not all(map(str.strip, values)):
            damaged.append(line)
            continue
        for flag, text in zip(asked, values[:texts]):
            if not isinstance(text, str) or (labelled and not text.strip()):
                found = "is empty" if text is None or isinstance(text, str) else f"is {text!r}"
                raise InputError(
                    f"{path}: line {line}: the text {found} ({flag}); mend or remove the row, or name another column"
                )
        place = f"{path}: line {line}"
        label = _read_label(values[-1], problem_type, columns.separator, place) if labelled else None
        empty = False
        yield Example(line, values[0], values[1] if texts == 2 else None, label)
    if empty:
        raise InputError(f"{path}: holds no {'examples' if labelled else 'texts'}; rows of texts were expected")
    if damaged:
        listed = ", ".join(map(str, sorted(damaged)[:5])) + (", ..." if len(damaged) > 5 else "")
        warnings.warn(
            f"{path}: {len(damaged):,} rows lack a field or a text and are passed over (lines {listed})", stacklevel=2
        )


def find_labels(examples: Sequence[Example], source: str, problem_type: str = SINGLE) -> list[str]:
    """The labels of examples, ordered by value if all are whole numbers, else by name.

    Raises:
        InputError: if there is only one class, or nearly as many as examples.
    """
    if problem_type == REGRESSION:
        return ["score"]
    names = {name for example in examples for name in _names(example.label)}
    if len(names) < 2 and problem_type == SINGLE:
        raise InputError(
            f"{source}: all {len(examples):,} labels are {min(names)!r}, so that there is nothing to learn; at least "
            f"two classes were expected in --label-column"
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


def _check_label_column(columns: Columns) -> None:
    if not columns.separator:
        raise InputError("--label-separator is empty: a character between an example's labels was expected")
    if columns.label in (columns.text, columns.text_pair):
        raise InputError(
            f"--label-column {columns.label} is the column of the texts as well: a model would be shown what it is to "
            f"say; name another"
        )


def _read_label(value: Any, problem_type: str, separator: str, place: str) -> Label:
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
        names = value if isinstance(value, list) else [] if value is None else str(value).split(separator)
        return tuple(sorted({_name(name) for name in names} - {""}))
    if isinstance(value, list | dict):
        raise InputError(f"{place}: the label is a {type(value).__name__}, not a name (--label-column)")
    name = _name(value)
    if not name:
        raise InputError(f"{place}: the label is empty (--label-column); mend or remove the row")
    return name


def _name(value: Any) -> str:
    """A label as a name. In JSON it may be a number, or true or false."""
    return "" if value is None else str(value).strip()
