"""Entities in sequences of tags, and their precision, recall and F1, counted as CoNLL's script ``conlleval`` does."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from bert.evaluation.metrics import Counts


class Entity(NamedTuple):
    """Of a type, from the word ``start`` up to, not including, ``end``."""

    type: str
    start: int
    end: int


def find_entities(tags: Sequence[str]) -> list[Entity]:
    """The entities of a sentence, in order; tags may be BIO or BIOES, and ill-formed.

    A word goes on with the entity of the word before where its tag says so (I or E), that entity has not ended (with
    E or S) and the types agree; any other tag than O begins an entity. So does conlleval read what a model predicts.

    >>> find_entities(["B-PER", "I-PER", "I-LOC", "O", "I-PER"])
    [Entity(type='PER', start=0, end=2), Entity(type='LOC', start=2, end=3), Entity(type='PER', start=4, end=5)]
    """
    entities: list[Entity] = []
    previous, previous_type = "O", ""
    for place, tag in enumerate(tags):
        prefix, _, kind = tag.partition("-")
        if prefix in ("I", "E") and previous in ("B", "I") and kind == previous_type:
            entities[-1] = entities[-1]._replace(end=place + 1)
        elif prefix != "O":
            entities.append(Entity(kind, place, place + 1))
        previous, previous_type = prefix, kind
    return entities


def count_entities(
    truth: Iterable[Sequence[str]], predicted: Iterable[Sequence[str]]
) -> tuple[Counts, dict[str, Counts]]:
    """The counts over all sentences: altogether, and by type in alphabetical order. An entity is predicted rightly with
    its type, start and end.

    Args:
        truth, predicted: the tags of each sentence; of the same lengths.
    """
    true, found, right = Counter(), Counter(), Counter()
    for true_tags, predicted_tags in zip(truth, predicted, strict=True):
        expected, guessed = find_entities(true_tags), find_entities(predicted_tags)
        true.update(entity.type for entity in expected)
        found.update(entity.type for entity in guessed)
        right.update(entity.type for entity in set(expected) & set(guessed))
    by_type = {kind: Counts(true[kind], found[kind], right[kind]) for kind in sorted(true.keys() | found.keys())}
    return Counts(true.total(), found.total(), right.total()), by_type
