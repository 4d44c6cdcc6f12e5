"""The metrics of outputs, and a guess to compare them with."""

import math
import sys
from collections import Counter

import pytest

from bert.tasks.generation.measure import (
    METRICS,
    WITHOUT_ITS_SOURCE,
    baseline_of_pairs,
    first_sentence,
    measure_outputs,
)
from bert.tasks.generation.predict import Foretold, Written
from bert.tasks.generation.read import Pair
from bert.tasks.options import Options
from bert.tasks.rouge import rouge_scores
from bert.training.curves import BASELINES
from tests.bert.tasks.conftest import TOKENIZER
from tests.bert.tasks.generation.pairs import generation_task, pairs

OPTIONS = Options(max_length=9)
EXAMPLES = [Pair(1, ("a dam broke",), "the dam is gone"), Pair(2, ("it rained", "yes"), "so it did")]
OUTPUTS = [
    Written("the dam broke", -2.0, Foretold(3.0, 2, 5), Foretold(9.0, 0, 5)),
    Written("so it did", -1.0, Foretold(1.0, 4, 4), Foretold(6.0, 1, 4)),
]


def test_metrics_are_over_all_pieces_or_the_mean_of_the_texts(monkeypatch):
    monkeypatch.setitem(sys.modules, "sacrebleu", None)  # as if it were not installed
    monkeypatch.setattr("bert.tasks.generation.measure.find_spec", lambda name: None)
    metrics = measure_outputs(EXAMPLES, OUTPUTS, (), OPTIONS, False).metrics
    assert metrics["perplexity"] == pytest.approx(math.exp(4 / 9))
    assert metrics["token_accuracy"] == pytest.approx(6 / 9)
    assert metrics[WITHOUT_ITS_SOURCE] == pytest.approx(math.exp(15 / 9))
    assert metrics["rouge1"] == pytest.approx((rouge_scores(["the dam broke"], ["the dam is gone"])["rouge1"] + 1) / 2)
    assert not {"bleu", "chrf"} & metrics.keys()


def test_bleu_and_chrf_are_there_if_the_library_is():
    pytest.importorskip("sacrebleu")
    metrics = measure_outputs(EXAMPLES, OUTPUTS, (), OPTIONS, False).metrics
    assert set(METRICS) <= metrics.keys()
    assert 0 < metrics["chrf"] < 1


def test_in_full_it_has_a_row_for_each_pair_and_sections_with_the_texts():
    evaluation = measure_outputs(EXAMPLES, OUTPUTS, (), Options(max_length=9, text=True), True)
    assert evaluation.header == ["line", "label", "prediction", "log_probability", "rougeL", "source"]
    assert [row[:3] for row in evaluation.rows] == [
        [1, "the dam is gone", "the dam broke"], [2, "so it did", "so it did"],
    ]  # fmt: skip
    assert evaluation.rows[1][-1] == "it rained / yes"
    headings = [section[0] for section in evaluation.sections]
    assert headings == ["Outputs, the first ones", "Best outputs by ROUGE-L", "Worst outputs"]
    without = measure_outputs(EXAMPLES, OUTPUTS, (), Options(max_length=9, text=False), True)
    assert "source" not in without.header


def test_the_guess_foretells_pieces_by_their_frequency_and_copies_the_first_sentence():
    task = generation_task()
    examples = pairs()
    baseline = baseline_of_pairs(examples, (), task.options)
    assert "frequency" in baseline.name
    assert {baseline.short, *baseline.short_of.values()} <= BASELINES.keys()
    assert list(baseline.in_log({"perplexity": 9.0, "bleu": 0.0})) == ["unigram_perplexity", "first_sentence_bleu"]
    counts = Counter(index for pair in examples for index in [*TOKENIZER.encode(pair.target), TOKENIZER.sep_token_id])
    total = sum(max(1, counts[index]) for index in range(TOKENIZER.vocab_size))
    target = [*TOKENIZER.encode(examples[0].target), TOKENIZER.sep_token_id]
    guess = baseline.guess(examples[0])
    assert guess.foretold.loss == pytest.approx(-sum(math.log(counts[index] / total) for index in target))
    assert guess.foretold.count == len(target)
    never = baseline.guess(Pair(1, ("One. Two.",), "[unused1]"))
    assert never.foretold.loss < math.inf
    assert never.text == "One."


@pytest.mark.parametrize(
    ("text", "first"),
    [("A dam broke. It rained.", "A dam broke."), ("v1.5 is out", "v1.5 is out"), (" Ja! Nein.", "Ja!"), ("a\nb", "a")],
)
def test_a_first_sentence_ends_at_a_full_stop_before_a_space_or_at_a_line_end(text, first):
    assert first_sentence(text) == first
