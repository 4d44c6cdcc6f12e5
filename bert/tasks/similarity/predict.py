"""The similarity of two texts: the cosine of their vectors."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from bert.heads.embedding import BertForSimilarity
from bert.tasks.classification.predict import texts_of
from bert.tasks.classification.read import Example
from bert.tasks.options import Options
from bert.tasks.prediction import window_scores
from bert.tasks.ranking import directions
from bert.tasks.windows import WindowsOfEach


def predict_cosines(model: BertForSimilarity, examples: WindowsOfEach, options: Options) -> list[float]:
    """The cosine of each pair's vectors, from -1 to 1."""
    found = window_scores(model, examples, lambda batch: model(**batch.inputs).vectors)
    vectors = directions(np.stack([np.concatenate(parts) for parts in found]))  # (pairs, 2, hidden_size)
    return np.einsum("pd,pd->p", vectors[:, 0], vectors[:, 1]).tolist()


def on_scale(cosine: float, options: Options) -> float:
    """A cosine on the scale of the training scores: 0 is the lowest score, and 1 the highest."""
    low, high = options.score_range
    return low + cosine * (high - low)


def similarity_rows(
    model: BertForSimilarity, predictions: Iterable[tuple[Example, float]], options: Options
) -> Iterator[Sequence[Any]]:
    """The header, then a row for each pair."""
    for index, (example, cosine) in enumerate(predictions):
        beside = texts_of(example, options)
        if index == 0:
            yield ["prediction", "cosine", *beside]
        yield [f"{on_scale(cosine, options):.6g}", cosine, *beside.values()]
