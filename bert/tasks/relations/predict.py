"""The relation between the two marked entities of texts."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch

from bert.heads.relations import BertForRelationExtraction
from bert.tasks.classification.predict import LabelScores, prediction_header, prediction_row
from bert.tasks.options import Options
from bert.tasks.prediction import window_scores
from bert.tasks.relations.read import MarkedText
from bert.tasks.windows import WindowsOfEach


def predict_relations(model: BertForRelationExtraction, examples: WindowsOfEach, options: Options) -> list[LabelScores]:
    """The scores of the relations, for each text."""
    scores = window_scores(model, examples, lambda batch: model(**batch.inputs).logits)
    logits = np.concatenate([only for (only,) in scores])  # (texts, labels)
    return list(map(LabelScores, logits, torch.from_numpy(logits).softmax(dim=-1).numpy()))


def relation_rows(
    model: BertForRelationExtraction, predictions: Iterable[tuple[MarkedText, LabelScores]], options: Options
) -> Iterator[Sequence[Any]]:
    """The header, then a row for each text."""
    yield [*prediction_header(model.labels), *(["text"] if options.text else [])]
    for text, scores in predictions:
        yield [*prediction_row(scores.probabilities, model.labels), *([with_tags(text)] if options.text else [])]


def with_tags(marked: MarkedText) -> str:
    """The text with <e1>...</e1> and <e2>...</e2> in it again."""
    tags = []
    for name, (start, end) in (("e1", marked.first), ("e2", marked.second)):
        # At one place ends come before starts, and the longer entity is the outer one (as in ``marked_input``).
        tags += [(start, True, -end, f"<{name}>"), (end, False, -start, f"</{name}>")]
    text = marked.text
    for place, *_, tag in sorted(tags, reverse=True):
        text = text[:place] + tag + text[place:]
    return text
