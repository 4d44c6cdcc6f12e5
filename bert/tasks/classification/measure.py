"""Accuracy, F1 and correlations of predicted labels, and their report."""

from collections.abc import Sequence

import numpy as np

from bert.tasks.classification.predict import LabelScores, label_in_words, prediction_header, prediction_row
from bert.tasks.classification.read import MULTI, REGRESSION, SINGLE, Example, label_ids
from bert.tasks.metrics import (
    EMPTY_CLASS,
    classification_metrics,
    confusion_matrix,
    multi_label_metrics,
    regression_metrics,
)
from bert.tasks.options import Options
from bert.tasks.page import WORST_SHOWN, draw_confusion_matrix, picture, preformatted, table
from bert.tasks.report import Evaluation


def measure_labels(
    examples: Sequence[Example],
    predictions: Sequence[LabelScores],
    labels: Sequence[str],
    options: Options,
    in_full: bool,
    problem_type: str = SINGLE,
) -> Evaluation:
    """The metrics of a set. In full: also predictions, confusion matrix, each class, the worst mistakes."""
    truth = label_ids(examples, labels, problem_type, "")
    probabilities = np.stack([scores.probabilities for scores in predictions]).astype(np.float64)
    metrics = _metrics(truth, probabilities, problem_type)
    if not in_full:
        return Evaluation(metrics)
    # By the model's name for a label: the file may have 1.0 for 1.
    names = (
        [labels[index] for index in truth]
        if problem_type == SINGLE
        else [_in_words(each, options) for each in examples]
    )
    rows = [
        [example.line, name, *prediction_row(row, labels, problem_type, options.separator)]
        for example, name, row in zip(examples, names, probabilities)
    ]
    sections = []
    if problem_type != REGRESSION:
        sections = _sections_of_classes(truth, probabilities, labels, problem_type)
    mistakes = [
        (f"{wrongness:.3f}", examples[index].line, names[index],
         label_in_words(probabilities[index], labels, problem_type, options.separator),
         " | ".join(filter(None, (examples[index].first, examples[index].second)))[:1_000])
        for index, wrongness in worst_mistakes(truth, probabilities, problem_type, WORST_SHOWN)
    ]  # fmt: skip
    how_wrong = "off by" if problem_type == REGRESSION else "confidence"
    worst = table([how_wrong, "line", "label", "prediction", "text"], mistakes)
    return Evaluation(
        metrics,
        header=["line", "label", *prediction_header(labels, problem_type)],
        rows=rows,
        sections=[*sections, ("Most confidently wrong", worst)],
    )


def worst_mistakes(
    truth: np.ndarray, probabilities: np.ndarray, problem_type: str, most: int
) -> list[tuple[int, float]]:
    """(index of the example, how wrong) of the worst mistakes, the worst first.

    How wrong: the probability of the wrong label, or the distance of a number.
    """
    if problem_type == REGRESSION:
        wrongness = np.abs(truth - probabilities[:, 0])
    elif problem_type == MULTI:
        wrongness = np.abs(truth - probabilities).max(axis=1)
        wrongness = np.where(wrongness > 0.5, wrongness, 0)
    else:
        wrongness = np.where(probabilities.argmax(axis=1) != truth, probabilities.max(axis=1), 0)
    order = np.argsort(-wrongness, kind="stable")[:most]
    return [(int(index), float(wrongness[index])) for index in order if wrongness[index] > 0]


def _metrics(truth: np.ndarray, probabilities: np.ndarray, problem_type: str) -> dict[str, float]:
    if problem_type == REGRESSION:
        return regression_metrics(truth, probabilities[:, 0])
    if problem_type == MULTI:
        return multi_label_metrics(truth.astype(int), (probabilities > 0.5).astype(int))
    return classification_metrics(truth, probabilities.argmax(axis=1), probabilities.shape[1])


def _sections_of_classes(
    truth: np.ndarray, probabilities: np.ndarray, labels: Sequence[str], problem_type: str
) -> list[tuple[str, str]]:
    from sklearn.metrics import classification_report

    is_single = problem_type == SINGLE
    predicted = probabilities.argmax(axis=1) if is_single else probabilities > 0.5
    sections = []
    if is_single:
        drawn = draw_confusion_matrix(confusion_matrix(truth, predicted, len(labels)), labels)
        sections.append(("Confusion matrix", picture(drawn, "confusion matrix")))
    # scikit-learn has two classes, 0 and 1, for a single label that is there or not.
    indices = [1] if not is_single and len(labels) == 1 else range(len(labels))
    report = classification_report(
        truth, predicted, labels=indices, target_names=labels, digits=4, zero_division=EMPTY_CLASS
    )
    return [*sections, ("By class", preformatted(str(report)))]


def _in_words(example: Example, options: Options) -> str:
    label = example.label
    return options.separator.join(label) if isinstance(label, tuple) else f"{label:.6g}"
