"""iPET's training sets: five times as many of each label, of what the models say, the surest first as a rule."""

from collections import Counter

import numpy as np

from bert.tasks.classification.read import Example
from finetuning.generations import draw_labelled

FEW = [Example(line, "few", None, label) for line, label in enumerate(["b", "b", "a", "b"])]


def draw(logits, growth=5, seed=0, few=FEW):
    return draw_labelled(few, np.asarray(logits, np.float32), ["a", "b", "c"], growth, np.random.default_rng(seed))


def test_each_label_grows_by_the_factor_and_no_text_comes_twice():
    logits = np.random.default_rng(1).normal(size=(300, 3))
    drawn = draw(logits)
    assert Counter(label for _, label in drawn) == {0: 4 * 1, 1: 4 * 3}  # no labelled text has c
    assert len({index for index, _ in drawn}) == len(drawn)
    assert all(logits[index].argmax() == label for index, label in drawn)
    assert Counter(label for _, label in draw(logits, growth=25)) == {0: 24, 1: 24 * 3}


def test_where_too_few_have_a_label_all_of_them_are_taken():
    logits = np.zeros((10, 3))
    logits[:, 2] = 1
    logits[:2, 1] = 2
    assert draw(logits) == [(0, 1), (1, 1)] or draw(logits) == [(1, 1), (0, 1)]


def test_a_text_is_drawn_in_proportion_to_its_score():
    logits = np.zeros((200, 3))
    logits[:100, 1], logits[100:, 1] = 9, 0.01  # probabilities of 1 and of a third
    counts = Counter()
    for seed in range(300):
        counts.update(index < 100 for index, _ in draw(logits, 2, seed, [Example(1, "few", None, "b")]))
    assert 0.68 < counts[True] / 300 < 0.82  # three to one


def test_a_seed_names_the_draw():
    logits = np.random.default_rng(1).normal(size=(300, 3))
    assert draw(logits) == draw(logits)
    assert draw(logits) != draw(logits, seed=1)
