"""Precision, recall and F1 of entities, counted as CoNLL's script ``conlleval`` counts them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from bert.tasks.metrics import Counts
from bert.tasks.options import Options
from bert.tasks.page import WORST_SHOWN, counts_table, table
from bert.tasks.report import Evaluation
from bert.tasks.tagging.predict import WordTags
from bert.tasks.tagging.read import TaggedSentence
from bert.tasks.tagging.tag_sequences import OUTSIDE


class Entity(NamedTuple):
    """An entity of a type: the words from ``start`` up to, not including, ``end``."""

    type: str
    start: int
    end: int


def measure_tags(
    sentences: Sequence[TaggedSentence],
    predictions: Sequence[WordTags],
    labels: Sequence[str],
    options: Options,
    in_full: bool,
) -> Evaluation:
    """The metrics of entities, and the accuracy of all tags. A word without a piece is tagged O."""
    predicted = []
    for sentence, prediction in zip(sentences, predictions):
        tags = [OUTSIDE] * len(sentence.words)
        for word, tag in zip(prediction.words, prediction.tags):
            tags[word] = labels[tag]
        predicted.append(tags)
    counts, by_type = count_entities([sentence.tags for sentence in sentences], predicted)
    right = sum(sum(map(str.__eq__, sentence.tags, tags)) for sentence, tags in zip(sentences, predicted))
    metrics = {
        "f1": counts.f1,
        "precision": counts.precision,
        "recall": counts.recall,
        "accuracy": right / sum(map(len, predicted)),
    }
    if not in_full:
        return Evaluation(metrics)
    return Evaluation(
        metrics,
        header=["line", "word", "label", "prediction"],
        rows=[
            [sentence.line + place, sentence.words[place], sentence.tags[place], tags[place]]
            for sentence, tags in zip(sentences, predicted)
            for place in range(len(tags))
        ],
        sections=[
            ("Entities by type", counts_table("type", by_type)),
            ("Most mistakes", table(["line", "wrong", "words with their true and predicted tags"],
                                    _worst(sentences, predicted))),
        ],
    )  # fmt: skip


def find_entities(tags: Sequence[str]) -> list[Entity]:
    """The entities of a sentence, in order; tags may be BIO or BIOES, and ill-formed.

    I or E goes on with the entity before, if the types agree and it has not ended (with E or S). Any other tag than O
    begins an entity. conlleval reads predictions in the same way.

    >>> find_entities(["B-PER", "I-PER", "I-LOC", "O", "I-PER"])
    [Entity(type='PER', start=0, end=2), Entity(type='LOC', start=2, end=3), Entity(type='PER', start=4, end=5)]
    """
    entities: list[Entity] = []
    previous, previous_type = OUTSIDE, ""
    for place, tag in enumerate(tags):
        prefix, _, kind = tag.partition("-")
        if prefix in ("I", "E") and previous in ("B", "I") and kind == previous_type:
            entities[-1] = entities[-1]._replace(end=place + 1)
        elif prefix != OUTSIDE:
            entities.append(Entity(kind, place, place + 1))
        previous, previous_type = prefix, kind
    return entities


def count_entities(
    truth: Iterable[Sequence[str]], predicted: Iterable[Sequence[str]]
) -> tuple[Counts, dict[str, Counts]]:
    """The counts over all sentences: altogether, and by type in alphabetical order.

    A predicted entity is right if its type, start and end are.

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


def _worst(sentences: Sequence[TaggedSentence], predicted: Sequence[Sequence[str]]) -> list[list]:
    """The sentences with most wrong tags; the wrong ones are written out."""
    wrong = [sum(map(str.__ne__, sentence.tags, tags)) for sentence, tags in zip(sentences, predicted)]
    order = sorted(range(len(sentences)), key=lambda index: -wrong[index])[:WORST_SHOWN]
    return [
        [sentences[index].line, wrong[index], " ".join(
            word if true == tag else f"{word} [{true}, not {tag}]"
            for word, true, tag in zip(sentences[index].words, sentences[index].tags, predicted[index]))]
        for index in order if wrong[index]
    ]  # fmt: skip
