"""BLEU against its equation, and what happens without the library."""

import math
import sys
from collections import Counter

import pytest

from bert.errors import InputError
from bert.tasks.bleu import bleu_and_chrf, check_installed

TRANSLATIONS = ["a dog runs over the green grass today", "two men sit at a table and talk"]
REFERENCES = ["a brown dog runs over the green grass", "two men sit at the table and talk to each other"]


def bleu_by_hand(translations, references):
    def runs(text, n):
        words = text.split()
        return Counter(tuple(words[place : place + n]) for place in range(len(words) - n + 1))

    logs = []
    for n in range(1, 5):
        right = sum((runs(t, n) & runs(r, n)).total() for t, r in zip(translations, references))
        logs.append(math.log(right / sum(runs(t, n).total() for t in translations)))
    c, r = (sum(len(text.split()) for text in texts) for texts in (translations, references))
    return math.exp(min(0, 1 - r / c) + sum(logs) / 4)


@pytest.mark.peers
def test_bleu_is_the_equation_over_the_whole_corpus():
    pytest.importorskip("sacrebleu")
    expected = bleu_by_hand(TRANSLATIONS, REFERENCES)
    assert bleu_and_chrf(TRANSLATIONS, REFERENCES)["bleu"] == pytest.approx(expected)
    assert bleu_by_hand(REFERENCES, TRANSLATIONS) != pytest.approx(expected)  # the two sides are not the same
    means = [bleu_by_hand([t], [r]) for t, r in zip(TRANSLATIONS, REFERENCES)]
    assert sum(means) / 2 != pytest.approx(expected)


@pytest.mark.peers
def test_the_same_text_has_1_and_case_counts():
    pytest.importorskip("sacrebleu")
    assert bleu_and_chrf(REFERENCES, REFERENCES) == pytest.approx({"bleu": 1.0, "chrf": 1.0})
    upper = bleu_and_chrf([text.upper() for text in REFERENCES], REFERENCES)
    assert upper["bleu"] < 0.1 and upper["chrf"] < 0.1


@pytest.mark.peers
def test_the_signature_is_the_one_of_the_docstring():
    library = pytest.importorskip("sacrebleu")
    import bert.tasks.bleu as module

    metric = library.metrics.BLEU()
    metric.corpus_score(TRANSLATIONS, [REFERENCES])
    assert str(metric.get_signature()).rsplit("|version:", 1)[0] in module.__doc__


def test_without_the_library_a_sentence_says_what_is_missing(monkeypatch):
    for module in ("sacrebleu", "sacrebleu.metrics.bleu", "sacrebleu.metrics.chrf"):
        monkeypatch.setitem(sys.modules, module, None)
    for needs_it in (check_installed, lambda: bleu_and_chrf(["a"], ["a"])):
        with pytest.raises(InputError, match="need the package sacrebleu, which is missing; pip install sacrebleu"):
            needs_it()


@pytest.mark.parametrize("translations, references", [([], []), (["a"], ["a", "b"])])
def test_unequal_numbers_of_texts_are_refused(translations, references):
    with pytest.raises(ValueError, match="translations and"):
        bleu_and_chrf(translations, references)
