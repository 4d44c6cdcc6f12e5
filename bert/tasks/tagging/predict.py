"""Tags for the words of sentences."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from bert.heads.tagging import BertForTokenClassification
from bert.tasks.options import Options
from bert.tasks.prediction import window_scores
from bert.tasks.tagging.schemes import OUTSIDE
from bert.tasks.tagging.sentence import TaggedSentence
from bert.tasks.tagging.tag_sequences import TagSequences
from bert.tasks.windows import WindowsOfEach

NO_TAG = "_"  # as CoNLL-U has it


class WordTags(NamedTuple):
    """The prediction for one sentence."""

    words: list[int]  # the indices of its words that have a piece, ascending
    logits: np.ndarray  # (words, labels) float32
    tags: list[int]  # the tag id of each of the words


def predict_tags(model: BertForTokenClassification, examples: WindowsOfEach, options: Options) -> list[WordTags]:
    """The tags of each sentence, from its windows. They fit together if ``options.fitting_tags``.

    A model that was trained on another scheme than BIO or BIOES needs its own tags.
    """
    scores = window_scores(
        model, examples, lambda batch: model(**batch.inputs).logits, lambda window: len(window.items)
    )
    sequences = TagSequences(model.labels) if options.fitting_tags else None
    return [
        best_tags([word for window in windows for word in window.items], np.concatenate(parts), sequences)
        for windows, parts in zip(examples, scores)
    ]


def best_tags(words: Sequence[int], logits: np.ndarray, sequences: TagSequences | None) -> WordTags:
    """The most probable tag of each word, or the tags of the most probable sequence.

    Args:
        words: indices, in any order.
        logits: (words, labels)
    """
    order = np.argsort(words)
    in_order, logits = np.array(words, np.int64)[order], logits[order]
    if sequences is None or len(words) == 0:
        tags = logits.argmax(axis=1).tolist()
    else:
        tags = sequences.best(logits, np.diff(in_order, prepend=-1) == 1)  # a word without a piece is O
    return WordTags(in_order.tolist(), logits, tags)


def tag_rows(
    model: BertForTokenClassification, predictions: Iterable[tuple[TaggedSentence, WordTags]], options: Options
) -> Iterator[Sequence[Any]]:
    """A row for each word, and an empty one after each sentence. Without texts a row has the tag alone."""
    for sentence, predicted in predictions:
        tags = tags_of_words(len(sentence.words), predicted, model.labels)
        yield from zip(sentence.words, tags) if options.text else zip(tags)
        yield ()


def tags_of_words(count: int, predicted: WordTags, labels: Sequence[str]) -> list[str]:
    """The tag of each word of a sentence. A word without a piece has none from the model: O, or _ if no label is O."""
    tags = [OUTSIDE if OUTSIDE in labels else NO_TAG] * count
    for word, tag in zip(predicted.words, predicted.tags):
        tags[word] = labels[tag]
    return tags
