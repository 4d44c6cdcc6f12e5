"""Losses, each a sum over labels, and their gradients."""

import math

import numpy as np

from bert.selftest.equations.attention import softmax

NO_LABEL = -100


def cross_entropy(scores: np.ndarray, labels: np.ndarray) -> tuple[float, int]:
    """The sum of -log softmax(scores)[label] over the tokens with a label, in nats, and how many have one.

    Args:
        scores: (count, classes)
        labels: (count,), -100 without a label.
    """
    total, count = 0.0, 0
    for probabilities, label in zip(softmax(scores), labels):
        if label != NO_LABEL:
            total -= math.log(probabilities[label])
            count += 1
    return total, count


def cross_entropy_gradient(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(count, classes): softmax(scores), less 1 at the label; 0 without a label."""
    gradient = np.zeros_like(scores)
    for row, label in enumerate(labels):
        if label != NO_LABEL:
            gradient[row] = softmax(scores[row])
            gradient[row, label] -= 1
    return gradient


def smoothed_cross_entropy(scores: np.ndarray, labels: np.ndarray, smoothing: float) -> float:
    """The sum of cross-entropies, if a share of each label's probability goes to all classes alike."""
    total = 0.0
    for probabilities, label in zip(softmax(scores), labels):
        if label != NO_LABEL:
            target = np.full(len(probabilities), smoothing / len(probabilities))
            target[label] += 1 - smoothing
            total -= float(np.sum(target * np.log(probabilities)))
    return total


def binary_cross_entropy(scores: np.ndarray, labels: np.ndarray) -> float:
    """The sum of -log p over yes-or-no labels of the same shape; p is sigmoid(score) for 1 and 1 - that for 0."""
    yes = 1 / (1 + np.exp(-scores))
    return float(-np.sum(np.where(labels > 0.5, np.log(yes), np.log(1 - yes))))


def squared_error(predictions: np.ndarray, labels: np.ndarray) -> float:
    """The sum of (prediction - label)^2."""
    return float(np.sum((predictions - labels) ** 2))
