"""Labels with their probabilities, or numbers, for texts."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from bert.heads.classification import BertForSequenceClassification
from bert.tasks.classification.read import MULTI, REGRESSION, SINGLE, Example
from bert.tasks.options import Options
from bert.tasks.prediction import window_scores
from bert.tasks.windows import WindowsOfEach


class LabelScores(NamedTuple):
    """The prediction for one text, of each label."""

    logits: np.ndarray  # (labels,) float32; of a text in several windows their mean
    probabilities: np.ndarray  # (labels,) float32; in a regression the number itself


def predict_labels(
    model: BertForSequenceClassification, examples: WindowsOfEach, options: Options
) -> list[LabelScores]:
    """The scores of each example, from its windows."""
    scores = window_scores(model, examples, lambda batch: model(**batch.inputs).logits)
    logits = np.stack([np.concatenate(parts).mean(axis=0) for parts in scores])
    probabilities = model.probabilities(torch.from_numpy(logits)).numpy()
    return list(map(LabelScores, logits, probabilities))


def label_rows(
    model: BertForSequenceClassification, predictions: Iterable[tuple[Example, LabelScores]], options: Options
) -> Iterator[Sequence[Any]]:
    """The header, then a row for each text."""
    for index, (example, scores) in enumerate(predictions):
        beside = texts_of(example, options)
        if index == 0:
            yield [*prediction_header(model.labels, model.problem_type), *beside]
        row = prediction_row(scores.probabilities, model.labels, model.problem_type, options.separator)
        yield [*row, *beside.values()]


def texts_of(example: Example, options: Options) -> dict[str, str]:
    """The text, or both of a pair, by the names of their columns. Empty if predictions stand alone."""
    if not options.text:
        return {}
    return {"text": example.first} | ({} if example.second is None else {"text_pair": example.second})


def label_in_words(
    probabilities: Sequence[float] | np.ndarray, labels: Sequence[str], problem_type: str, separator: str = ","
) -> str:
    """The most probable label; of several labels those above a half; in a regression the number."""
    if problem_type == REGRESSION:
        return f"{probabilities[0]:.6g}"
    if problem_type == MULTI:
        return separator.join(label for label, probability in zip(labels, probabilities) if probability > 0.5)
    return labels[int(np.argmax(probabilities))]


def prediction_header(labels: Sequence[str], problem_type: str = SINGLE) -> list[str]:
    """The names of the columns of ``prediction_row``."""
    return ["prediction"] if problem_type == REGRESSION else ["prediction", *(f"p({label})" for label in labels)]


def prediction_row(
    probabilities: np.ndarray, labels: Sequence[str], problem_type: str = SINGLE, separator: str = ","
) -> list[Any]:
    """The prediction in words, then the probability of each label."""
    prediction = label_in_words(probabilities, labels, problem_type, separator)
    return [prediction] if problem_type == REGRESSION else [prediction, *probabilities.tolist()]
