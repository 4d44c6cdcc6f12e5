"""What guessing gives stands beside what a run reaches, in the log and in words."""

import math

import numpy as np
import pytest

from bert.heads.batch import Batch
from data.corpus.tokenized import TokenizedCorpus
from pretraining import baselines
from pretraining.baselines import by_guessing, measure_baselines, warn_of_base_rate


@pytest.fixture
def corpus():
    """Two training documents, "5 6 7 6 5" and "8"."""
    return TokenizedCorpus(
        np.array([5, 6, 7, 6, 5, 8]), np.array([0, 5, 6]), np.array([0, 1, 2]), np.zeros(0, np.int64),
        np.array([0, 0, 0, 0, 0, 2, 2, 1, 1]),
    )  # fmt: skip


def batch(**labels):
    row = np.array([2, 5, 4, 7, 3])
    labels = {name: np.array(values) for name, values in labels.items()}
    return Batch.of([row], [np.zeros_like(row)], selected=[2], masked_labels=np.array([6]), **labels)


def test_the_log_has_the_loss_and_accuracy_of_each_way_to_guess(corpus):
    pairs = [batch(next_sentence_labels=[label]) for label in (1, 1, 0, 1)]
    measured, lines = measure_baselines(corpus, pairs)
    assert measured["unigram_masked_lm_loss"] == pytest.approx(-math.log(3 / 15))
    assert measured["five_gram_masked_lm_loss"] < measured["unigram_masked_lm_loss"]
    assert measured["five_gram_masked_lm_accuracy"] == 1
    assert measured["majority_next_sentence_accuracy"] == 0.75
    assert measured["majority_next_sentence_loss"] == pytest.approx(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25)))
    assert "frequency alone would give a held-out loss of 1.609 nats" in lines[0]
    assert lines[1].startswith("Guessing them from two pieces on each side (5-grams) would give ")
    assert lines[1].endswith("nats, and 100.0% right.")


def test_without_pairs_there_is_no_majority_and_a_part_of_the_corpus_is_said(corpus, monkeypatch):
    monkeypatch.setattr(baselines, "five_gram_baseline", lambda *given: (1.0, 0.5, 0.02))
    measured, lines = measure_baselines(corpus, [batch()])
    assert not any("next_sentence" in name for name in measured)
    assert lines[1].endswith("They were counted in 2% of the corpus, to save time.")


def test_the_more_frequent_label_is_named_with_its_share():
    assert by_guessing(0.569) == {"next_sentence": "56.9% by always guessing 'random'"}
    assert by_guessing(0.4) == {"next_sentence": "60.0% by always guessing 'follows'"}


def test_a_run_within_two_standard_errors_of_its_base_rate_is_told_so_and_one_above_is_not():
    two_errors = 2 * math.sqrt(0.6 * 0.4 / 500)
    note = warn_of_base_rate({"next_sentence_accuracy": 0.6 + two_errors - 1e-6}, 300, 500)
    assert note.startswith("Note: next-sentence prediction has learned nothing that 500 held-out pairs could show")
    assert "64.4% right, and 60.0% by always guessing 'random'. Two standard errors are 4.4%." in note
    assert warn_of_base_rate({"next_sentence_accuracy": 0.6 + two_errors + 1e-6}, 300, 500) == ""
    assert warn_of_base_rate({"next_sentence_accuracy": 0.6 + two_errors - 1e-6}, 200, 500) != ""  # 'follows'


def test_without_next_sentence_prediction_there_is_nothing_to_say():
    assert warn_of_base_rate({"masked_lm_accuracy": 0.1}, 0, 0) == ""
