"""How good predicted tags are.

Entities are counted as CoNLL's script ``conlleval`` counts them: precision, recall and F1. Some tags mark no entities,
such as parts of speech. They have an accuracy, and the mean F1 of all tags.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import accumulate

import numpy as np

from bert.tasks.baseline import Baseline, in_quotes
from bert.tasks.metrics import Counts
from bert.tasks.mistakes import PREDICTED, RIGHT, TRUE, Mark, Mistake, marked, worst
from bert.tasks.options import Options
from bert.tasks.page import WORST_SHOWN, Section, counts_table
from bert.tasks.report import Evaluation
from bert.tasks.tagging.predict import WordTags, tags_of_words
from bert.tasks.tagging.schemes import are_entities, find_entities
from bert.tasks.tagging.sentence import TaggedSentence

ENTITY_METRICS = ("f1", "precision", "recall", "accuracy")
TAG_METRICS = ("accuracy", "macro_f1")


def metrics_of_tags(labels: Sequence[str]) -> tuple[str, ...]:
    """The metrics. The first one selects the best epoch."""
    return ENTITY_METRICS if are_entities(labels) else TAG_METRICS


def baseline_of_tags(sentences: Sequence[TaggedSentence], labels: Sequence[str], options: Options) -> Baseline:
    """The most frequent tag of the training words; of equals the first label."""
    counts = Counter(tag for sentence in sentences for tag in sentence.tags)
    most_frequent = max(range(len(labels)), key=lambda index: counts[labels[index]])

    def guess(sentence: TaggedSentence) -> WordTags:
        count = len(sentence.words)
        return WordTags(list(range(count)), np.zeros((count, len(labels)), np.float32), [most_frequent] * count)

    return Baseline(f"always {in_quotes(labels[most_frequent])}", guess)


def measure_tags(
    sentences: Sequence[TaggedSentence],
    predictions: Sequence[WordTags],
    labels: Sequence[str],
    options: Options,
    in_full: bool,
) -> Evaluation:
    """The metrics of entities, with the accuracy of all tags. Without entities, the metrics of tags."""
    truth = [sentence.tags for sentence in sentences]
    predicted = [
        tags_of_words(len(sentence.words), prediction, labels) for sentence, prediction in zip(sentences, predictions)
    ]
    by_tag = count_tags(truth, predicted)
    accuracy = sum(counts.right for counts in by_tag.values()) / sum(map(len, truth))
    if are_entities(labels):
        counts, by_type = count_entities(truth, predicted)
        metrics = {"f1": counts.f1, "precision": counts.precision, "recall": counts.recall, "accuracy": accuracy}
        section = Section("Entities by type", counts_table("type", by_type))
    else:
        f1 = [by_tag[label].f1 for label in labels if label in by_tag]
        metrics = {"accuracy": accuracy, "macro_f1": sum(f1) / len(f1)}
        section = Section("Words by tag", counts_table("tag", by_tag))
    if not in_full:
        return Evaluation(metrics)
    return Evaluation(
        metrics,
        header=["line", *(["word"] if options.text else []), "label", "prediction"],
        rows=[
            [sentence.line + place, *([sentence.words[place]] if options.text else []), sentence.tags[place], tag]
            for sentence, tags in zip(sentences, predicted)
            for place, tag in enumerate(tags)
        ],
        sections=[worst("Most mistakes", _worst(sentences, predicted, are_entities(labels))), section],
    )


def count_entities(
    truth: Iterable[Sequence[str]], predicted: Iterable[Sequence[str]]
) -> tuple[Counts, dict[str, Counts]]:
    """Counts entities in all sentences: altogether, and by type in alphabetical order.

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


def count_tags(truth: Iterable[Sequence[str]], predicted: Iterable[Sequence[str]]) -> dict[str, Counts]:
    """Counts the words of each tag: true, predicted, and right."""
    pairs = Counter(
        pair for true_tags, tags in zip(truth, predicted, strict=True) for pair in zip(true_tags, tags, strict=True)
    )
    true, found = Counter(), Counter()
    for (true_tag, tag), count in pairs.items():
        true[true_tag] += count
        found[tag] += count
    return {tag: Counts(true[tag], found[tag], pairs[tag, tag]) for tag in sorted(true.keys() | found.keys())}


def _worst(sentences: Sequence[TaggedSentence], predicted: Sequence[Sequence[str]], of_entities: bool) -> list[Mistake]:
    """The sentences with most wrong tags, with their entities marked. Other tags are marked if they are wrong."""
    wrong = [sum(map(str.__ne__, sentence.tags, tags)) for sentence, tags in zip(sentences, predicted)]
    order = sorted(range(len(sentences)), key=lambda index: -wrong[index])[:WORST_SHOWN]
    mark = _marked_entities if of_entities else _marked_tags
    return [
        Mistake({"line": sentences[index].line, "wrong tags": wrong[index]}, [mark(sentences[index], predicted[index])])
        for index in order
        if wrong[index]
    ]


def _marked_entities(sentence: TaggedSentence, predicted: Sequence[str]) -> str:
    true, found = find_entities(sentence.tags), find_entities(predicted)
    marks = [(entity, RIGHT, "") for entity in true if entity in found]
    marks += [(entity, TRUE, "true ") for entity in true if entity not in found]
    marks += [(entity, PREDICTED, "predicted ") for entity in found if entity not in true]
    return _marked_words(sentence.words, [(e.start, e.end, role, f"{note}{e.type}") for e, role, note in marks])


def _marked_tags(sentence: TaggedSentence, predicted: Sequence[str]) -> str:
    marks = []
    for place, (true, tag) in enumerate(zip(sentence.tags, predicted)):
        if true != tag:
            marks += [(place, place + 1, TRUE, f"true {true}"), (place, place + 1, PREDICTED, f"predicted {tag}")]
    return _marked_words(sentence.words, marks)


def _marked_words(words: Sequence[str], marks: Iterable[tuple[int, int, str, str]]) -> str:
    """The words of a sentence, marked from one word up to, not including, another."""
    starts = [0, *accumulate(len(word) + 1 for word in words)]  # in characters, of words with spaces between
    return marked(" ".join(words), [Mark(starts[start], starts[end] - 1, *how) for start, end, *how in marks])
