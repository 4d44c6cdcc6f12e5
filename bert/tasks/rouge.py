"""ROUGE: how much of a reference summary's wording a summary has.

Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries". Words are runs of letters (with their accents and
vowel signs) and digits, in lower case. They are not reduced to stems. Each measure here is an F1: precision and recall
weigh the same. Split a language without spaces between words first.
"""

import unicodedata
from collections import Counter
from collections.abc import Sequence


def words(text: str) -> list[str]:
    """The words of a text, in lower case.

    >>> words("The U.S. won 3-2!")
    ['the', 'u', 's', 'won', '3', '2']
    """
    kept = (
        character if character.isalnum() or unicodedata.category(character).startswith("M") else " "
        for character in text.lower()
    )
    return [word for word in "".join(kept).split() if any(map(str.isalnum, word))]


def ngrams(sequence: Sequence[str], n: int) -> list[tuple[str, ...]]:
    """All runs of ``n`` words, with repetitions."""
    return [tuple(sequence[start : start + n]) for start in range(len(sequence) - n + 1)]


def rouge_scores(summary: Sequence[str], reference: Sequence[str]) -> dict[str, float]:
    """All measures, by the names of Google's ``rouge_score``.

    Args:
        summary, reference: sentences.
    """
    return {
        "rouge1": rouge_n(summary, reference, 1),
        "rouge2": rouge_n(summary, reference, 2),
        "rougeL": rouge_l(summary, reference),
        "rougeLsum": rouge_l_sum(summary, reference),
    }


def rouge_n(summary: Sequence[str], reference: Sequence[str], n: int) -> float:
    """The F1 of the n-grams that both have (section 2). An n-gram may cross the end of a sentence, as in the ROUGE
    package.

    Args:
        summary, reference: sentences.
    """
    found = Counter(ngrams(_joined(summary), n))
    expected = Counter(ngrams(_joined(reference), n))
    return _f1((found & expected).total(), found.total(), expected.total())


def rouge_l(summary: Sequence[str], reference: Sequence[str]) -> float:
    """The F1 of the words in the longest common subsequence of the two, each as one sequence of words (section 3.1).

    This is ``rougeL`` of Google's ``rouge_score``.

    Args:
        summary, reference: sentences.
    """
    found, expected = _joined(summary), _joined(reference)
    return _f1(len(common_positions(expected, found)), len(found), len(expected))


def rouge_l_sum(summary: Sequence[str], reference: Sequence[str]) -> float:
    """The F1 of the words in longest common subsequences, sentence by sentence (section 3.2).

    This is ``rougeLsum`` of Google's ``rouge_score``, and ROUGE-L in papers on summaries.

    A word of a reference sentence counts if any sentence of the summary has it in its longest common subsequence (their
    union). No word counts more often than the summary has it, as in the ROUGE package (1.5.5). So the precision,
    too, is at most 1.

    Args:
        summary, reference: sentences.
    """
    summary_words, reference_words = [list(map(words, sentences)) for sentences in (summary, reference)]
    left = Counter(word for sentence in summary_words for word in sentence)
    common = 0
    for sentence in reference_words:
        union = set().union(*(common_positions(sentence, other) for other in summary_words))
        for position in sorted(union):
            if left[sentence[position]] > 0:
                left[sentence[position]] -= 1
                common += 1
    return _f1(common, sum(map(len, summary_words)), sum(map(len, reference_words)))


def common_positions(sentence: Sequence[str], other: Sequence[str]) -> set[int]:
    """The positions in ``sentence`` of a longest common subsequence with ``other``.

    If several are as long, it is the one that the ROUGE package finds. The package walks back from both ends. At two
    unequal words it skips the word of ``sentence``. If only skipping the other word keeps the length, it skips that.

    >>> sorted(common_positions("a b c d".split(), "x b d a".split()))
    [1, 3]
    """
    lengths = [[0] * (len(other) + 1) for _ in range(len(sentence) + 1)]  # of prefixes' longest common subsequences
    for i, word in enumerate(sentence):
        for j, another in enumerate(other):
            longer = max(lengths[i][j + 1], lengths[i + 1][j])
            lengths[i + 1][j + 1] = lengths[i][j] + 1 if word == another else longer
    positions, i, j = set(), len(sentence), len(other)
    while i and j:
        if sentence[i - 1] == other[j - 1]:
            i, j = i - 1, j - 1
            positions.add(i)
        elif lengths[i][j - 1] > lengths[i - 1][j]:
            j -= 1
        else:
            i -= 1
    return positions


def _joined(sentences: Sequence[str]) -> list[str]:
    return [word for sentence in sentences for word in words(sentence)]


def _f1(common: int, found: int, expected: int) -> float:
    return 2 * common / (found + expected) if common else 0.0
