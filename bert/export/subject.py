"""What is compared before and after an export: predictions for texts, the labels in them, and the task's metric."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from bert.errors import InputError
from bert.heads.batch import Batch
from bert.heads.classification import BertForSequenceClassification
from bert.randomness import random_fractions
from bert.tasks.classification.inputs import text_inputs
from bert.tasks.classification.read import Example, label_ids
from bert.tasks.generation.inputs import target_ids
from bert.tasks.generation.predict import foretell, writing_of
from bert.tasks.metrics import next_piece_metrics
from bert.tasks.options import Options
from bert.tasks.prediction import window_scores
from bert.tasks.task import Kind
from bert.tasks.windows import Window
from bert.tokenization.tokenizer import Tokenizer

MASKED = 0.15  # of the pieces, as in pretraining


@dataclass(frozen=True)
class Subject:
    """Texts with all that a comparison asks of a model.

    Attributes:
        count: of the texts.
        predict: a model -> its predictions.
        labels: predictions -> what they say in the end, one for each decision. None: they are numbers.
        measure: predictions -> metrics; the first one counts. None: nothing says what is right.
    """

    count: int
    predict: Callable[[Any], Any]
    labels: Callable[[Any], list[Any]] | None = None
    measure: Callable[[Any], dict[str, float]] | None = None


def of_kind(
    kind: Kind, model: Any, tokenizer: Tokenizer, examples: Sequence[Any], options: Options, source: str, labelled: bool
) -> Subject:
    """Examples of a task. Raises an InputError if they or their labels do not fit the model."""
    options = replace(options, text=False)
    windows = kind.inputs(tokenizer, examples, options, source).windows
    names = getattr(model, "labels", ())
    metrics = kind.metrics_of_labels(names) if kind.metrics_of_labels else kind.metrics
    if labelled and isinstance(model, BertForSequenceClassification):
        label_ids(examples, names, model.problem_type, source)  # before the work: are all labels known?

    def labels(predictions: Iterable[Any]) -> list[Any]:
        return _predicted(kind.rows(model, zip(examples, predictions), options))

    def measure(predictions: Sequence[Any]) -> dict[str, float]:
        found = kind.measure(examples, predictions, names, options, False).metrics
        return {name: found[name] for name in metrics if name in found}

    return Subject(
        len(examples),
        lambda model: kind.predict(model, windows, options),
        None if getattr(model, "problem_type", None) == "regression" else labels,
        measure if labelled else None,
    )


def _predicted(rows: Iterable[Sequence[Any]]) -> list[Any]:
    """The predictions in the rows that ``bert predict`` would write. Tags have neither a header nor other columns."""
    rows = [row for row in rows if row]
    if "prediction" not in rows[0]:
        return [row[0] for row in rows]
    column = list(rows[0]).index("prediction")
    return [row[column] for row in rows[1:]]


def of_pairs(kind: Kind, tokenizer: Tokenizer, pairs: Sequence[Any], options: Options, labelled: bool) -> Subject:
    """Pairs of source and target: how well the target is foretold, piece by piece. Without one: the source's copy."""
    pairs = [pair if pair.target else pair._replace(target=pair.source[-1]) for pair in pairs]
    windows = [only for (only,) in kind.inputs(tokenizer, pairs, options, "").windows]
    targets, _ = target_ids(writing_of(options), pairs, "")

    def measure(predictions: Any) -> dict[str, float]:
        loss, right, count = (sum(values) for values in zip(*predictions))
        metrics = next_piece_metrics(loss, right, count)
        return {name: metrics[name] for name in ("token_accuracy", "perplexity")}

    return Subject(len(pairs), lambda model: foretell(model, windows, targets), None, measure if labelled else None)


def of_masked_pieces(tokenizer: Tokenizer, examples: Sequence[Example], options: Options) -> Subject:
    """Texts in which some pieces are masked: which pieces does the model put there?

    Raises an InputError if no piece is masked.
    """
    windows, truth = [], []
    for parts in text_inputs(tokenizer, examples, options).windows:
        for window in parts:
            ids = window.input_ids.copy()
            is_masked = random_fractions(0, len(windows), np.arange(len(ids))) < MASKED
            is_masked &= ~np.isin(ids, list(tokenizer.special_token_ids))
            truth += ids[is_masked].tolist()
            ids[is_masked] = tokenizer.mask_token_id
            windows.append([replace(window, input_ids=ids, selected=np.flatnonzero(is_masked).tolist())])
    if not truth:
        raise InputError("the texts are so few or short that none of their pieces is masked; name others with --texts")

    def predict(model: Any) -> list[int]:
        def score(batch: Batch) -> torch.Tensor:
            return model(**batch.inputs).prediction_logits.argmax(dim=-1, keepdim=True)

        found = window_scores(model, windows, score, lambda window: len(window.selected or ()))
        return [int(piece) for parts in found for part in parts for piece in part[:, 0]]

    def measure(predictions: list[int]) -> dict[str, float]:
        return {"masked_lm_accuracy": float(np.mean(np.array(predictions) == truth))}

    return Subject(len(examples), predict, list, measure)


def of_vectors(field: str, tokenizer: Tokenizer, examples: Sequence[Example], options: Options) -> Subject:
    """Texts as vectors: the states of their tokens, or a vector for each."""
    inputs = text_inputs(tokenizer, examples, options)
    windows = [[replace(window, selected=None) for window in parts] for parts in inputs.windows]

    def predict(model: Any) -> np.ndarray:
        size: Callable[[Window], int] = len if field == "last_hidden_state" else lambda window: 1
        found = window_scores(model, windows, lambda batch: getattr(model(**batch.inputs), field), size)
        return np.concatenate([part for parts in found for part in parts])

    return Subject(len(examples), predict)
