"""Accuracy, F1 and correlations of predicted labels, and their report."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from bert.tasks.baseline import Baseline, in_quotes
from bert.tasks.classification.predict import (
    LabelScores,
    label_in_words,
    prediction_header,
    prediction_row,
    texts_of,
)
from bert.tasks.classification.read import MULTI, REGRESSION, SINGLE, Example, label_ids
from bert.tasks.metrics import (
    EMPTY_CLASS,
    classification_metrics,
    confusion_matrix,
    multi_label_metrics,
    regression_metrics,
)
from bert.tasks.mistakes import Mistake, marked, worst
from bert.tasks.options import Options
from bert.tasks.page import WORST_SHOWN, Section, draw_confusion_matrix, picture, table
from bert.tasks.report import Evaluation


def baseline_of_labels(
    examples: Sequence[Example], labels: Sequence[str], options: Options, problem_type: str = SINGLE
) -> Baseline:
    """The most frequent label of the training examples. Of several labels those that most examples have. The mean."""
    truth = label_ids(examples, labels, problem_type, "")
    if problem_type == SINGLE:
        return baseline_of_classes(truth, labels)
    if problem_type == REGRESSION:
        mean = truth.mean(axis=0, keepdims=True, dtype=np.float64)
        return constant_baseline(f"always the mean, {mean[0]:.6g}", mean)._replace(short="mean")
    guess = truth.mean(axis=0) > 0.5
    names = [in_quotes(label) for label, is_guessed in zip(labels, guess) if is_guessed]
    shown = f"{', '.join(names[:5])}{', ...' if len(names) > 5 else ''}"
    return constant_baseline(f"always {shown or 'no label'}", guess)


def baseline_of_classes(truth: np.ndarray, labels: Sequence[str]) -> Baseline:
    """The most frequent of the label ids; of equals the first."""
    most_frequent = int(np.bincount(truth).argmax())
    return constant_baseline(f"always {in_quotes(labels[most_frequent])}", np.eye(len(labels))[most_frequent])


def constant_baseline(name: str, probabilities: np.ndarray) -> Baseline:
    """The same prediction for each example.

    Args:
        probabilities: (labels,); in a regression the number.
    """
    scores = LabelScores(probabilities.astype(np.float32), probabilities.astype(np.float32))
    return Baseline(name, lambda example: scores)


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
    beside = [texts_of(example, options) for example in examples]
    columns = dict.fromkeys(max(beside, key=len), "")  # single texts may stand between pairs
    rows = [
        [example.line, name, *prediction_row(row, labels, problem_type, options.separator), *(columns | texts).values()]
        for example, name, row, texts in zip(examples, names, probabilities, beside)
    ]
    how_wrong = "off by" if problem_type == REGRESSION else "confidence"
    mistakes = [
        Mistake(
            {"line": examples[index].line, how_wrong: wrongness, "true": names[index],
             "predicted": label_in_words(probabilities[index], labels, problem_type, options.separator)},
            [marked(text) for text in (examples[index].first, examples[index].second) if text is not None],
        )
        for index, wrongness in worst_mistakes(truth, probabilities, problem_type, WORST_SHOWN)
    ]  # fmt: skip
    is_number = problem_type == REGRESSION
    picture_first, table_last = (
        ([], []) if is_number else _sections_of_classes(truth, probabilities, labels, problem_type)
    )
    heading = "Farthest off" if is_number else "Most confidently wrong"
    return Evaluation(
        metrics,
        header=["line", "label", *prediction_header(labels, problem_type), *columns],
        rows=rows,
        sections=[*picture_first, worst(heading, mistakes), *table_last],
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
) -> tuple[list[Section], list[Section]]:
    """The confusion matrix, if each text has one label, and a table of the classes."""
    from sklearn.metrics import precision_recall_fscore_support

    is_single = problem_type == SINGLE
    predicted = probabilities.argmax(axis=1) if is_single else probabilities > 0.5
    # scikit-learn has two classes, 0 and 1, for a single label that is there or not.
    indices = [1] if not is_single and len(labels) == 1 else list(range(len(labels)))
    count = partial(precision_recall_fscore_support, truth, predicted, labels=indices, zero_division=EMPTY_CLASS)
    of_each: Any = count(average=None)
    rows = [[*row] for row in zip(labels, *(column.tolist() for column in of_each))]
    for average in ("macro", "weighted") if is_single else ("micro", "macro", "weighted"):
        rows.append([f"{average} avg", *map(float, count(average=average)[:3]), ""])
    by_class = Section("By class", table(["class", "precision", "recall", "F1", "true"], rows))
    if not is_single:
        return [], [by_class]
    drawn = draw_confusion_matrix(confusion_matrix(truth, predicted, len(labels)), labels)
    return [Section("Confusion matrix", picture(drawn, "confusion matrix"))], [by_class]


def _in_words(example: Example, options: Options) -> str:
    label = example.label
    return options.separator.join(label) if isinstance(label, tuple) else f"{label:.6g}"
