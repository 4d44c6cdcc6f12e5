"""The metrics that the literature reports, as fractions of one."""

import math
import sys
from typing import Any, NamedTuple

import numpy as np

EMPTY_CLASS: Any = 0.0  # the F1 of a class that is neither true nor predicted; the type: scikit-learn says str
LOWER_IS_BETTER = frozenset({"perplexity", "mean_squared_error"})
_LARGEST_EXPONENT = math.log(sys.float_info.max)


def is_better(metric: str, value: float, other: float) -> bool:
    """Whether a value of a metric is better than another one. One that is no number is not."""
    return value < other if metric in LOWER_IS_BETTER else value > other


class Counts(NamedTuple):
    """How many are true, predicted, and predicted right."""

    true: int
    predicted: int
    right: int

    @property
    def precision(self) -> float:
        return self.right / self.predicted if self.predicted else 0.0

    @property
    def recall(self) -> float:
        return self.right / self.true if self.true else 0.0

    @property
    def f1(self) -> float:
        return 2 * self.right / (self.true + self.predicted) if self.true + self.predicted else 0.0


def classification_metrics(truth: np.ndarray, predicted: np.ndarray, number_of_labels: int) -> dict[str, float]:
    """The metrics of one label per example.

    Args:
        truth, predicted: (examples,) label ids.

    Returns:
        accuracy.
        macro_f1: the mean of the classes' F1.
        weighted_f1: the same, weighted by the classes' examples.
        matthews: the correlation of truth and prediction; 0 if one of them is all one class.
        f1: the F1 of the second of two classes, as GLUE reports it for MRPC and QQP.
    """
    from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

    labels = range(number_of_labels)
    metrics = {
        "accuracy": accuracy_score(truth, predicted),
        "macro_f1": f1_score(truth, predicted, labels=labels, average="macro", zero_division=EMPTY_CLASS),
        "weighted_f1": f1_score(truth, predicted, labels=labels, average="weighted", zero_division=EMPTY_CLASS),
        "matthews": matthews_corrcoef(truth, predicted) if len(np.union1d(truth, predicted)) > 1 else 0.0,
    }
    if number_of_labels == 2:
        metrics["f1"] = f1_score(truth, predicted, zero_division=EMPTY_CLASS)
    return {name: float(value) for name, value in metrics.items()}


def multi_label_metrics(truth: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """The metrics of any number of labels per example.

    Args:
        truth, predicted: (examples, labels) zeros and ones.

    Returns:
        accuracy: the share of examples with every label right.
        micro_f1: over all decisions.
        macro_f1, weighted_f1: over the labels.
    """
    from sklearn.metrics import accuracy_score, f1_score

    metrics = {"accuracy": float(accuracy_score(truth, predicted))}
    only_one = truth.shape[1] == 1  # scikit-learn would take it for a choice between two classes
    for average in ("micro", "macro", "weighted"):
        how = "binary" if only_one else average
        metrics[f"{average}_f1"] = float(f1_score(truth, predicted, average=how, zero_division=EMPTY_CLASS))
    return metrics


def regression_metrics(truth: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Pearson's and Spearman's correlation, and the mean squared error. A side of equal numbers correlates by 0."""
    return {
        "pearson": correlation(truth, predicted),
        "spearman": correlation(ranks(truth), ranks(predicted)),
        "mean_squared_error": float(np.mean((np.float64(truth) - predicted) ** 2)),
    }


def next_piece_metrics(loss: float, right: int, count: int) -> dict[str, float]:
    """How well a model foretells each piece of the true texts, from the pieces before it.

    Args:
        loss: the sum of -log P over the pieces, without label smoothing.
        right: for how many pieces the most probable one was the true one.
        count: of the pieces, ``[SEP]`` included.

    Returns:
        perplexity: exp(loss / count). Between how many pieces, equally probable, the model seems to choose. Only models
            with the same vocabulary can be compared.
        token_accuracy: right / count.
    """
    mean = loss / count
    perplexity = math.exp(mean) if mean < _LARGEST_EXPONENT else math.inf
    return {"perplexity": perplexity, "token_accuracy": right / count}


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's correlation coefficient of two rows of numbers. If one of them is constant, it is 0."""
    x, y = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if x.min() == x.max() or y.min() == y.max():  # rounding in the mean would leave something of them
        return 0.0
    x, y = x - x.mean(), y - y.mean()
    scale = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / scale) if scale > 0 else 0.0


def ranks(values: np.ndarray) -> np.ndarray:
    """The rank of each value, from 1; equal values share the mean of their ranks.

    >>> ranks(np.array([30, 10, 10, 20])).tolist()
    [4.0, 1.5, 1.5, 3.0]
    """
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[which]


def confusion_matrix(truth: np.ndarray, predicted: np.ndarray, number_of_labels: int) -> np.ndarray:
    """(labels, labels): how often label i was predicted as label j."""
    matrix = np.zeros((number_of_labels, number_of_labels), np.int64)
    np.add.at(matrix, (truth, predicted), 1)
    return matrix
