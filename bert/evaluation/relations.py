"""The F1 of relations with a direction, as the official scorer of SemEval 2010's task 8 counts it.

Hendrickx et al. 2010, section 4; ``semeval2010_task8_scorer-v1.2.pl``, "(9+1)-way evaluation taking directionality into
account": Cause-Effect(e1,e2) and Cause-Effect(e2,e1) count as one relation, but a prediction with the wrong direction
is wrong. The official score is the mean of the F1 of the relations that the truth has, without that of Other.
"""

from collections import Counter
from collections.abc import Sequence

from bert.evaluation.metrics import Counts

OTHER = "Other"
_DIRECTIONS = ("(e1,e2)", "(e2,e1)")


def undirected(label: str) -> str:
    """A relation without its direction.

    >>> undirected("Cause-Effect(e2,e1)")
    'Cause-Effect'
    """
    for direction in _DIRECTIONS:
        label = label.removesuffix(direction)
    return label


def count_relations(truth: Sequence[str], predicted: Sequence[str]) -> dict[str, Counts]:
    """The counts of each relation, in alphabetical order, Other among them; true and predicted in either direction,
    right in the right one.

    Args:
        truth, predicted: the labels of the examples, with their directions.
    """
    pairs = list(zip(truth, predicted, strict=True))
    true = Counter(undirected(label) for label, _ in pairs)
    found = Counter(undirected(guess) for _, guess in pairs)
    right = Counter(undirected(label) for label, guess in pairs if label == guess)
    return {name: Counts(true[name], found[name], right[name]) for name in sorted(true.keys() | found.keys())}


def official_macro_f1(counts: dict[str, Counts]) -> float:
    """The mean F1 of the relations that the truth has, but Other; 0 where it has none."""
    scores = [each.f1 for name, each in counts.items() if name != OTHER and each.true]
    return sum(scores) / len(scores) if scores else 0.0
