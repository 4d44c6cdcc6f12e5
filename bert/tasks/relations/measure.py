"""The F1 of relations with a direction, counted as in SemEval 2010's task 8.

Hendrickx et al. 2010, section 4; ``semeval2010_task8_scorer-v1.2.pl``, "(9+1)-way evaluation taking directionality into
account". Cause-Effect(e1,e2) and Cause-Effect(e2,e1) count as one relation, but a prediction with the wrong direction
is wrong. The official score is the mean F1 of the relations that the truth has, without Other.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from bert.tasks.baseline import Baseline
from bert.tasks.classification.measure import baseline_of_classes, worst_mistakes
from bert.tasks.classification.predict import LabelScores, prediction_header, prediction_row
from bert.tasks.classification.read import SINGLE
from bert.tasks.metrics import Counts, confusion_matrix
from bert.tasks.mistakes import Mark, Mistake, marked, worst
from bert.tasks.options import Options
from bert.tasks.page import WORST_SHOWN, Section, counts_table, draw_confusion_matrix, picture
from bert.tasks.relations.predict import with_tags
from bert.tasks.relations.read import MarkedText
from bert.tasks.report import Evaluation

OTHER = "Other"
_DIRECTIONS = ("(e1,e2)", "(e2,e1)")


def baseline_of_relations(texts: Sequence[MarkedText], labels: Sequence[str], options: Options) -> Baseline:
    """The most frequent relation of the training texts."""
    return baseline_of_classes(np.array([labels.index(str(text.label)) for text in texts]), labels)


def measure_relations(
    texts: Sequence[MarkedText],
    predictions: Sequence[LabelScores],
    labels: Sequence[str],
    options: Options,
    in_full: bool,
) -> Evaluation:
    """The official macro-F1 and the accuracy; in full also each relation's F1, the confusions and the mistakes."""
    truth = np.array([labels.index(text.label) for text in texts])
    probabilities = np.stack([scores.probabilities for scores in predictions]).astype(np.float64)
    guesses = probabilities.argmax(axis=1)
    counts = count_relations([str(text.label) for text in texts], [labels[int(guess)] for guess in guesses])
    metrics = {"macro_f1": official_macro_f1(counts), "accuracy": float((guesses == truth).mean())}
    if not in_full:
        return Evaluation(metrics)
    drawn = draw_confusion_matrix(confusion_matrix(truth, guesses, len(labels)), labels)
    mistakes = [
        Mistake(
            {"line": texts[index].line, "confidence": wrongness, "true": texts[index].label,
             "predicted": labels[guesses[index]]},
            [marked(texts[index].text, [Mark(*texts[index].first, "", "e1"), Mark(*texts[index].second, "", "e2")])],
        )
        for index, wrongness in worst_mistakes(truth, probabilities, SINGLE, WORST_SHOWN)
    ]  # fmt: skip
    return Evaluation(
        metrics,
        header=["line", "label", *prediction_header(labels), *(["text"] if options.text else [])],
        rows=[
            [text.line, text.label, *prediction_row(row, labels), *([with_tags(text)] if options.text else [])]
            for text, row in zip(texts, probabilities)
        ],
        sections=[
            Section("Confusion matrix", picture(drawn, "confusion matrix")),
            worst("Most confidently wrong", mistakes),
            Section("Relations in both directions", counts_table("relation", counts)),
        ],
    )


def undirected(label: str) -> str:
    """A relation without its direction.

    >>> undirected("Cause-Effect(e2,e1)")
    'Cause-Effect'
    """
    for direction in _DIRECTIONS:
        label = label.removesuffix(direction)
    return label


def count_relations(truth: Sequence[str], predicted: Sequence[str]) -> dict[str, Counts]:
    """The counts of each relation, Other among them, in alphabetical order.

    Both directions count as one relation; a prediction is right only in the right direction.

    Args:
        truth, predicted: the labels of the examples, with their directions.
    """
    pairs = list(zip(truth, predicted, strict=True))
    true = Counter(undirected(label) for label, _ in pairs)
    found = Counter(undirected(guess) for _, guess in pairs)
    right = Counter(undirected(label) for label, guess in pairs if label == guess)
    return {name: Counts(true[name], found[name], right[name]) for name in sorted(true.keys() | found.keys())}


def official_macro_f1(counts: dict[str, Counts]) -> float:
    """The mean F1 of the relations in the truth, without Other. If there are none it is 0."""
    scores = [each.f1 for name, each in counts.items() if name != OTHER and each.true]
    return sum(scores) / len(scores) if scores else 0.0
