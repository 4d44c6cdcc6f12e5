"""How much each class weighs in the loss: from what ``--class-weights`` says to a weight for each label."""

import math

import numpy as np

from bert.errors import InputError
from data.tasks.classification import balanced_class_weights

LARGEST_WEIGHT = 1e6


def read_class_weights(given: list[str] | None) -> str | dict[str, float] | None:
    """What --class-weights says: "balanced", or LABEL=WEIGHT for each label.

    Raises:
        InputError: where a part is no such thing, or a weight is not a finite number above 0.
    """
    if given is None or given == ["balanced"]:
        return None if given is None else "balanced"
    weights = {}
    for part in given:
        label, _, weight = part.rpartition("=")
        try:
            weights[label] = float(weight)
        except ValueError:
            weights[label] = math.nan
        if not label or not 0 < weights[label] < math.inf:
            raise InputError(f"--class-weights {part}: 'balanced', or LABEL=WEIGHT for each label, was expected")
    return weights


def choose_class_weights(asked, labels: list[str], numbers: np.ndarray, problem_type: str) -> np.ndarray | None:
    """(labels,) float32, or None where none are asked for.

    Args:
        asked: "balanced", or weights by label, or None.
        labels: in the order of the model's outputs.
        numbers: the training examples' labels, as ``label_numbers`` gives them.

    Raises:
        InputError: where the weights are not one for each label, or the problem has none.
    """
    if asked is None:
        return None
    if problem_type == "regression":
        raise InputError("--class-weights: a regression has no classes; leave them out")
    if asked == "balanced":
        if problem_type == "multi_label_classification":
            raise InputError("--class-weights balanced is for single labels; give a weight for each: LABEL=WEIGHT ...")
        return balanced_class_weights(numbers, len(labels))
    if asked.keys() != set(labels):
        raise InputError(f"--class-weights: given for {', '.join(asked)}, and the labels are {', '.join(labels)}")
    if max(asked.values()) > LARGEST_WEIGHT:
        raise InputError(f"--class-weights: {max(asked.values()):g} is above {LARGEST_WEIGHT:g}; only ratios matter")
    return np.array([asked[label] for label in labels], np.float32)
