"""Sequences of tags: the most probable of those that fit together."""

from itertools import product

import numpy as np
import pytest

from bert.tasks.tagging.tag_sequences import TagSequences, goes_on

BIO = ("O", "B-X", "I-X", "B-Y", "I-Y")
BIOES = ("O", "B-X", "I-X", "E-X", "S-X")
BARE = ("O", "B", "I")


def fits(tags, follows) -> bool:
    befores = ["O", *tags[:-1]]
    return all(
        tag[0] not in "IE" or (place > 0 and follows[place] and goes_on(tag, befores[place]))
        for place, tag in enumerate(tags)
    )


@pytest.mark.parametrize("labels", [BIO, BIOES, BARE])
def test_the_best_sequence_is_the_best_of_all_that_fit(labels):
    generator, sequences, changed = np.random.default_rng(0), TagSequences(labels), 0
    for _ in range(60):
        count = int(generator.integers(1, 5))
        logits = generator.normal(size=(count, len(labels))).astype(np.float32)
        follows = generator.random(count) < 0.8
        found = sequences.best(logits, follows)
        expected = max(
            (tags for tags in product(range(len(labels)), repeat=count) if fits([labels[t] for t in tags], follows)),
            key=lambda tags: sum(logits[place, tag] for place, tag in enumerate(tags)),
        )
        assert tuple(found) == expected
        changed += expected != tuple(logits.argmax(axis=1))
    assert 10 < changed < 55  # the control: each word's own best is neither always nor never the answer


@pytest.mark.parametrize(
    ("tag", "before", "expected"),
    [
        ("I-X", "B-X", True), ("I-X", "I-X", True), ("E-X", "B-X", True), ("I-X", "B-Y", False), ("I-X", "O", False),
        ("I-X", "E-X", False), ("E-X", "S-X", False), ("I-", "B-", True), ("I", "B", True), ("I", "O", False),
    ],
)  # fmt: skip
def test_an_entity_goes_on_where_it_has_begun_and_not_ended(tag, before, expected):
    assert goes_on(tag, before) is expected


def test_tags_without_a_scheme_are_each_words_own():
    labels = ("NOUN", "INTJ", "EX", "O")
    logits = np.random.default_rng(1).normal(size=(50, 4)).astype(np.float32)
    assert TagSequences(labels).best(logits, np.ones(50, bool)) == logits.argmax(axis=1).tolist()
