"""The weight of each class in the loss, from ``--class-weights``."""

import math
from collections.abc import Sequence

import numpy as np

from bert.errors import InputError
from bert.tasks.classification.read import MULTI, REGRESSION

LARGEST_WEIGHT = 1e6

ClassWeights = str | dict[str, float] | None


def read_class_weights(given: Sequence[str] | None) -> ClassWeights:
    """The meaning of the flag: "balanced", or a weight for each label from LABEL=WEIGHT.

    Raises:
        InputError: if a part is neither, or a weight is not a finite number above 0.
    """
    if given is None or list(given) == ["balanced"]:
        return None if given is None else "balanced"
    weights: dict[str, float] = {}
    for part in given:
        label, _, weight = part.rpartition("=")
        try:
            weights[label] = float(weight)
        except ValueError:
            weights[label] = math.nan
        if not label or not 0 < weights[label] < math.inf:
            raise InputError(f"--class-weights {part}: 'balanced', or LABEL=WEIGHT for each label, was expected")
    return weights


def choose_class_weights(
    asked: ClassWeights, labels: Sequence[str], targets: np.ndarray, problem_type: str
) -> np.ndarray | None:
    """(labels,) float32, or None if none are asked for.

    Args:
        labels: in the order of the model's outputs.
        targets: of the training examples, see ``label_ids``.

    Raises:
        InputError: if the weights do not fit the labels or the problem.
    """
    if asked is None:
        return None
    if problem_type == REGRESSION:
        raise InputError("--class-weights: a regression has no classes; leave them out")
    if isinstance(asked, str):
        if problem_type == MULTI:
            raise InputError("--class-weights balanced is for single labels; give a weight for each: LABEL=WEIGHT ...")
        return balanced_class_weights(targets, len(labels))
    if asked.keys() != set(labels):
        raise InputError(f"--class-weights: given for {', '.join(asked)}, and the labels are {', '.join(labels)}")
    if max(asked.values()) > LARGEST_WEIGHT:
        raise InputError(f"--class-weights: {max(asked.values()):g} is above {LARGEST_WEIGHT:g}; only ratios matter")
    return np.array([asked[label] for label in labels], np.float32)


def balanced_class_weights(label_ids: np.ndarray, number_of_labels: int) -> np.ndarray:
    """Weights that make all classes count the same: examples / (classes * examples of the class).

    Their mean over the examples is 1, so that the loss keeps its size.

    >>> balanced_class_weights(np.array([0, 0, 0, 1]), 2).tolist()
    [0.6666666865348816, 2.0]
    """
    counts = np.bincount(label_ids, minlength=number_of_labels)
    return (len(label_ids) / (number_of_labels * np.maximum(counts, 1))).astype(np.float32)
