"""Relations between two marked entities, to train on: SemEval 2010's task 8, or JSON lines with two spans.

The forms of both, and the keys, are those of ``bert.task_inputs.marked_texts``. A label is a relation's name with its
direction, such as Cause-Effect(e2,e1).
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bert.errors import InputError
from bert.task_inputs.marked_texts import MarkedText, read_marked_texts


def read_relations(path: str | Path) -> list[MarkedText]:
    """The examples of a file, each with its relation.

    Raises:
        InputError: where the file is in neither form, a span is not in its text, or a relation is missing.
    """
    return list(read_marked_texts(path, labelled=True))


def find_relations(examples: Sequence[MarkedText], source: str | Path) -> list[str]:
    """The relations that there are, in alphabetical order.

    Raises:
        InputError: where all examples have the same one.
    """
    relations = sorted({example.label for example in examples})
    if len(relations) < 2:
        raise InputError(
            f"{source}: all {len(examples):,} relations are {relations[0]!r}, so that there is nothing to learn"
        )
    return relations


def relation_numbers(examples: Sequence[MarkedText], relations: Sequence[str], source: str | Path) -> np.ndarray:
    """(examples,) int64: the number of each example's relation.

    Raises:
        InputError: where an example has one that is not among ``relations``.
    """
    numbers = {relation: number for number, relation in enumerate(relations)}
    for example in examples:
        if example.label not in numbers:
            raise InputError(
                f"{source}: line {example.line}: the relation {example.label!r} is not one of those trained on: "
                f"{', '.join(relations)}"
            )
    return np.array([numbers[example.label] for example in examples], np.int64)
