"""How well cosines follow the scores, and the report.

Cosines need not be the scores: what counts is the order. So the first measure is Spearman's correlation (Reimers et al.
2016, "Task-Oriented Intrinsic Evaluation of Semantic Textual Similarity").
"""

from collections.abc import Sequence

import numpy as np

from bert.tasks.baseline import Baseline
from bert.tasks.classification.predict import texts_of
from bert.tasks.classification.read import Example
from bert.tasks.metrics import correlation, ranks
from bert.tasks.mistakes import Mistake, marked, worst
from bert.tasks.options import Options
from bert.tasks.page import WORST_SHOWN
from bert.tasks.report import Evaluation
from bert.tasks.rouge import words
from bert.tasks.similarity.predict import on_scale


def baseline_of_overlap(examples: Sequence[Example], labels: Sequence[str], options: Options) -> Baseline:
    """The share of words that both texts have, of those that either has (Jaccard). It learns nothing."""

    def guess(example: Example) -> float:
        first, second = set(words(example.first)), set(words(example.second or ""))
        return len(first & second) / max(1, len(first | second))

    return Baseline("the share of words in common", guess, "overlap", reads_texts=True)


def measure_similarity(
    examples: Sequence[Example],
    predictions: Sequence[float],
    labels: Sequence[str],
    options: Options,
    in_full: bool,
) -> Evaluation:
    """Spearman's and Pearson's correlation. In full: also predictions, and the pairs that are farthest off."""
    truth, cosines = score_array(examples), np.array(predictions, np.float64)
    metrics = {
        "spearman": correlation(ranks(truth), ranks(cosines)),
        "pearson": correlation(truth, cosines),
    }
    if not in_full:
        return Evaluation(metrics)
    predicted = np.array([on_scale(cosine, options) for cosine in predictions])
    off = np.abs(predicted - truth)
    mistakes = [
        Mistake(
            {"line": examples[index].line, "off by": float(off[index]), "true": f"{truth[index]:.6g}",
             "predicted": f"{predicted[index]:.3g}"},
            [marked(examples[index].first), marked(examples[index].second or "")],
        )
        for index in np.argsort(-off, kind="stable")[:WORST_SHOWN].tolist()
    ]  # fmt: skip
    return Evaluation(
        metrics,
        header=["line", "label", "prediction", "cosine", *texts_of(examples[0], options)],
        rows=[
            [example.line, f"{score:.6g}", f"{guess:.6g}", cosine, *texts_of(example, options).values()]
            for example, score, guess, cosine in zip(examples, truth, predicted, predictions)
        ],
        sections=[worst("Farthest off", mistakes)],
    )


def score_array(examples: Sequence[Example]) -> np.ndarray:
    """(examples,) float64, the scores of the file."""
    return np.array([example.label for example in examples], np.float64)
