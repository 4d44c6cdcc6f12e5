"""ROUGE against its definitions, by brute force, and the example of its paper."""

import itertools
import random

import pytest

from bert.tasks.rouge import common_positions, ngrams, rouge_l, rouge_l_sum, rouge_n, rouge_scores, words


def f1(common, found, expected):
    return 2 * common / (found + expected) if common else 0


def random_sentences(generator, most=3, longest=7):
    return [
        " ".join(generator.choices("abcd", k=generator.randint(1, longest))) for _ in range(generator.randint(1, most))
    ]


def longest_common_subsequence(a, b) -> int:
    """Its length, by trying every part of ``a``."""
    for size in range(min(len(a), len(b)), 0, -1):
        for part in itertools.combinations(a, size):
            rest = iter(b)
            if all(word in rest for word in part):
                return size
    return 0


def test_words_are_runs_of_letters_and_digits_in_lower_case():
    assert words("It's 3.5-fold_faster, über!  ") == ["it", "s", "3", "5", "fold", "faster", "über"]
    assert words("... -- \N{HEAVY BLACK HEART}\N{VARIATION SELECTOR-16}") == []
    assert words("u\u0308ber हिन्दी में") == ["u\u0308ber", "हिन्दी", "में"]


def test_ngrams_of_a_text_that_is_too_short_are_none():
    assert ngrams(["a"], 2) == []
    assert ngrams(["a", "b", "a", "b"], 2) == [("a", "b"), ("b", "a"), ("a", "b")]


@pytest.mark.parametrize("n", [1, 2, 3])
def test_rouge_n_matches_each_ngram_once(n):
    generator = random.Random(n)
    seen = set()
    for _ in range(200):
        summary, reference = random_sentences(generator), random_sentences(generator)
        found, left = [" ".join(text).split() for text in (summary, reference)]
        found = [found[i : i + n] for i in range(len(found) - n + 1)]
        left = [left[i : i + n] for i in range(len(left) - n + 1)]
        expected, common = len(left), 0
        for ngram in found:
            if ngram in left:
                left.remove(ngram)
                common += 1
        assert rouge_n(summary, reference, n) == pytest.approx(f1(common, len(found), expected))
        seen.add(round(rouge_n(summary, reference, n), 3))
    assert len(seen) > 20


def test_a_common_subsequence_is_a_longest_one():
    generator = random.Random(0)
    for _ in range(300):
        a, b = (generator.choices("abcde", k=generator.randint(0, 8)) for _ in range(2))
        positions = sorted(common_positions(a, b))
        assert len(positions) == longest_common_subsequence(a, b)
        rest = iter(b)
        assert all(a[position] in rest for position in positions)


def test_of_two_that_are_as_long_it_is_the_one_that_skips_the_last_words_of_the_sentence():
    assert common_positions(["a", "b"], ["b", "a"]) == {0}
    assert common_positions(["a", "b", "c"], ["c", "a", "b"]) == {0, 1}  # longer comes first
    assert common_positions(["b", "c", "a"], ["a", "b", "c", "b"]) == {0, 1}


def test_of_single_sentences_rouge_l_is_the_f1_of_their_longest_common_subsequence():
    generator = random.Random(1)
    for _ in range(200):
        (summary,), (reference,) = (random_sentences(generator, most=1, longest=8) for _ in range(2))
        a, b = summary.split(), reference.split()
        expected = f1(longest_common_subsequence(a, b), len(a), len(b))
        assert rouge_l([summary], [reference]) == rouge_l_sum([summary], [reference]) == pytest.approx(expected)


def test_rouge_l_takes_each_side_as_one_sequence_across_its_sentences():
    generator = random.Random(2)
    for _ in range(100):
        summary, reference = (random_sentences(generator, longest=4) for _ in range(2))
        a, b = (" ".join(sentences).split() for sentences in (summary, reference))
        assert rouge_l(summary, reference) == pytest.approx(f1(longest_common_subsequence(a, b), len(a), len(b)))


def test_the_two_rouge_l_are_those_that_rouge_score_has_for_an_example():
    summary = ["A dam broke today.", "Two villages were flooded.", "It rained."]
    reference = ["It rained and a dam broke.", "Villages were flooded today."]
    # recorded from rouge_score 0.1.2, with the sentences in lines
    assert rouge_n(summary, reference, 1) == pytest.approx(0.9)
    assert rouge_n(summary, reference, 2) == pytest.approx(5 / 9)
    assert rouge_l(summary, reference) == pytest.approx(0.6)
    assert rouge_l_sum(summary, reference) == pytest.approx(0.9)


@pytest.mark.peers
def test_every_measure_agrees_with_rouge_score_by_its_name():
    scorer = pytest.importorskip("rouge_score.rouge_scorer").RougeScorer(["rouge1", "rouge2", "rougeL", "rougeLsum"])
    generator, differ = random.Random(3), 0
    for _ in range(200):
        summary, reference = random_sentences(generator, most=4), random_sentences(generator, most=4)
        theirs = {name: each.fmeasure for name, each in scorer.score("\n".join(reference), "\n".join(summary)).items()}
        ours = rouge_scores(summary, reference)
        assert ours == pytest.approx(theirs)
        differ += ours["rougeL"] != pytest.approx(ours["rougeLsum"])
    assert differ > 50  # the control: the two are not the same measure


def test_rouge_l_sum_of_several_sentences_takes_the_union_as_in_the_paper():
    # Lin 2004, section 3.2: the union of (w1 w2) and (w1 w3 w5) is w1 w2 w3 w5, a recall of 4/5.
    reference, summary = ["w1 w2 w3 w4 w5"], ["w1 w2 w6 w7 w8", "w1 w3 w8 w9 w5"]
    recall, precision = 4 / 5, 4 / 10
    assert rouge_l_sum(summary, reference) == pytest.approx(2 * precision * recall / (precision + recall))


def test_no_word_of_the_summary_counts_twice():
    assert rouge_l_sum(["a"], ["a", "a", "a"]) == pytest.approx(f1(1, 1, 3))
    assert rouge_l_sum(["a", "a"], ["a", "a", "a"]) == pytest.approx(f1(2, 2, 3))


def test_the_same_summary_is_1_and_another_0():
    text = ["A dam broke.", "Two villages are under water."]
    for measure in (rouge_l, rouge_l_sum, lambda a, b: rouge_n(a, b, 1), lambda a, b: rouge_n(a, b, 2)):
        assert measure(text, text) == 1
        assert measure(text, ["Nothing happened"]) == measure([], text) == measure(text, ["..."]) == 0


def test_the_order_of_words_matters_to_rouge_l_and_2_and_not_to_1():
    forward, back = ["a b c d"], ["d c b a"]
    assert rouge_n(forward, back, 1) == 1
    assert rouge_n(forward, back, 2) == 0
    assert rouge_l(forward, back) == pytest.approx(1 / 4)
