"""Texts, or pairs of texts, with a label each: tables -> examples -> numbered labels.

A label is one name of several (topic, sentiment, entailment), any number of names (tags), or a number (similarity).
The three are called as in ``config.json``: "single_label_classification", "multi_label_classification", "regression".
"""

import math
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bert.errors import InputError
from bert.files.tables import read_rows
from bert.randomness import shuffled

_HELD_OUT_ORDER = 400  # names the random order by which examples are held out
HELD_OUT_PARTS = 10
LARGEST_LABEL = 1e15  # of a regression: the sum of some squared errors of this size still is a float32


class Columns(NamedTuple):
    """Where in a table the texts and the label stand: names of columns, or their numbers from 1.

    header: whether the table's first row names its columns.
    separator: between the labels of an example that has several; in JSON lines they are a list.
    has_damage: whether some rows lack a field or a text, as published, and are passed over, with a warning.
    """

    text: str = "text"
    text_pair: str | None = None
    label: str = "label"
    header: bool = True
    separator: str = ","
    has_damage: bool = False


class Example(NamedTuple):
    """line: in its file; second: None where there is one text; label: a name, a tuple of names, or a number."""

    line: int
    first: str
    second: str | None
    label: str | tuple[str, ...] | float


def read_examples(path: str | Path, columns: Columns, problem_type: str) -> list[Example]:
    """The examples of a table, in their order.

    Raises:
        InputError: where the table is no good (see ``bert.files.tables``), a text or label is empty, or the label of a
            regression is not a finite number.
    """
    if not columns.separator:
        raise InputError("--label-separator is empty: a character between an example's labels was expected")
    asked = {"--text-column": columns.text, "--label-column": columns.label}
    if columns.text_pair is not None:
        asked["--text-pair-column"] = columns.text_pair
    if columns.label in (columns.text, columns.text_pair):
        raise InputError(
            f"--label-column {columns.label} is the column of the texts as well: a model would be shown what it is to "
            f"say; name another"
        )
    examples, damaged = [], ([] if columns.has_damage else None)
    for line, (first, label, *second) in read_rows(path, asked, columns.header, damaged):
        if damaged is not None and not all(map(str.strip, (first, label, *second))):
            damaged.append(line)
            continue
        for flag, text in zip(("--text-column", "--text-pair-column"), (first, *second)):
            if not isinstance(text, str) or not text.strip():
                found = "is empty" if text is None or text == "" or isinstance(text, str) else f"is {text!r}"
                raise InputError(f"{path}: line {line}: the text {found} ({flag}); mend or remove the row")
        label = _read_label(label, problem_type, columns.separator, f"{path}: line {line}")
        examples.append(Example(line, first, second[0] if second else None, label))
    if not examples:
        raise InputError(f"{path}: holds no examples; rows of texts with labels were expected")
    if damaged:
        listed = ", ".join(map(str, sorted(damaged)[:5])) + (", ..." if len(damaged) > 5 else "")
        warnings.warn(
            f"{path}: {len(damaged):,} rows lack a field or a text and are passed over (lines {listed})", stacklevel=2
        )
    return examples


def find_labels(examples: Sequence[Example], problem_type: str, source: str | Path) -> list[str]:
    """The labels that examples have, in a fixed order: by number where all are numbers, else by name.

    Raises:
        InputError: where there is nothing to tell apart, or nearly each example has a label of its own.
    """
    if problem_type == "regression":
        return ["score"]
    names = {name for example in examples for name in _names(example.label)}
    if len(names) < 2 and problem_type == "single_label_classification":
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


def label_numbers(
    examples: Sequence[Example], labels: Sequence[str], problem_type: str, source: str | Path
) -> np.ndarray:
    """The labels of examples as the model takes them.

    Returns:
        (examples,) int64 numbers of the labels; (examples, labels) float32 zeros and ones where there may be several;
        (examples,) float32 where the labels are numbers themselves.

    Raises:
        InputError: where an example has a label that is not among ``labels``.
    """
    if problem_type == "regression":
        return np.array([example.label for example in examples], np.float32)
    numbers = {label: number for number, label in enumerate(labels)}
    for example in examples:
        for name in _names(example.label):
            if name not in numbers:
                raise InputError(
                    f"{source}: line {example.line}: the label {name!r} is not one of those trained on: "
                    f"{', '.join(labels[:50])}{', ...' if len(labels) > 50 else ''}"
                )
    if problem_type == "single_label_classification":
        return np.array([numbers[example.label] for example in examples], np.int64)
    chosen = np.zeros((len(examples), len(labels)), np.float32)
    for row, example in zip(chosen, examples):
        row[[numbers[name] for name in example.label]] = 1
    return chosen


def hold_out(examples: Sequence[Example]) -> tuple[list[Example], list[Example]]:
    """A tenth of the examples, the same ones each time, is held out where there is no dev file: (the others, it).

    Raises:
        InputError: where there are too few.
    """
    if len(examples) < 2 * HELD_OUT_PARTS:
        raise InputError(f"{len(examples)} examples are too few to hold out a tenth of them; give a --dev file")
    order = shuffled(np.arange(len(examples)), len(examples), _HELD_OUT_ORDER)
    held_out = set(order[: len(examples) // HELD_OUT_PARTS].tolist())
    return (
        [example for place, example in enumerate(examples) if place not in held_out],
        [example for place, example in enumerate(examples) if place in held_out],
    )


def balanced_class_weights(numbers: np.ndarray, number_of_labels: int) -> np.ndarray:
    """Weights by which each class counts as much as every other: examples / (classes * examples of the class).

    Their mean over the examples is 1, so that the loss keeps its size.

    >>> balanced_class_weights(np.array([0, 0, 0, 1]), 2).tolist()
    [0.6666666865348816, 2.0]
    """
    counts = np.bincount(numbers, minlength=number_of_labels)
    return (len(numbers) / (number_of_labels * np.maximum(counts, 1))).astype(np.float32)


def _names(label: str | tuple[str, ...]) -> tuple[str, ...]:
    return (label,) if isinstance(label, str) else label


def _read_label(value, problem_type: str, separator: str, place: str) -> str | tuple[str, ...] | float:
    if problem_type == "regression":
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
    if problem_type == "multi_label_classification":
        names = value if isinstance(value, list) else [] if value is None else str(value).split(separator)
        return tuple(sorted({_name(name) for name in names} - {""}))
    if isinstance(value, list | dict):
        raise InputError(f"{place}: the label is a {type(value).__name__}, not a name (--label-column)")
    name = _name(value)
    if not name:
        raise InputError(f"{place}: the label is empty (--label-column); mend or remove the row")
    return name


def _name(value) -> str:
    """A label as a name; those of JSON may be numbers or true and false."""
    return "" if value is None else str(value).strip()
