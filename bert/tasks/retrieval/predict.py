"""The vectors of queries and their texts."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from bert.heads.embedding import BertForRetrieval
from bert.tasks.options import Options
from bert.tasks.prediction import window_scores
from bert.tasks.ranking import directions
from bert.tasks.retrieval.read import Search
from bert.tasks.windows import WindowsOfEach


def predict_vectors(model: BertForRetrieval, examples: WindowsOfEach, options: Options) -> list[np.ndarray]:
    """For each example the vectors of its query, its text and its negatives: (texts, hidden_size), of length 1."""
    found = window_scores(model, examples, lambda batch: model(**batch.inputs).vectors)
    return [directions(np.concatenate(parts)) for parts in found]


def search_rows(
    model: BertForRetrieval, predictions: Iterable[tuple[Search, np.ndarray]], options: Options
) -> Iterator[Sequence[Any]]:
    """The header, then a row for each query: the cosine of its vector and its text's."""
    yield ["prediction", *(["query", "text"] if options.text else [])]
    for example, vectors in predictions:
        yield [float(vectors[0] @ vectors[1]), *([example.query, example.text] if options.text else [])]
