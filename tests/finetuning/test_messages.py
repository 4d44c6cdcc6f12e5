"""What a run says of its result, beside what a guess that reads no text would have."""

import math

import pytest

from bert.config import BertConfig
from finetuning.messages import compared, layers_in_words, nothing_learned, verdict
from tests.bert.generation.models import CONFIG, WIDER

REPORT = {
    "dev": {"accuracy": 0.86, "f1": 0.5}, "test": {"accuracy": 0.8, "f1": 0.4}, "metric": "accuracy",
    "baseline": {"name": "always 'a'", "dev": {"accuracy": 0.535, "f1": 0.0}, "test": {"accuracy": 0.5, "f1": 0.0}},
    "examples": {"train": 9, "dev": 1_000, "test": 20}, "best_epoch": 2.0, "epochs": 4.0,
    "steps": 60, "learning_rate": 5.0,
}  # fmt: skip


def test_the_baseline_stands_beside_the_metric_that_selects_the_epoch_alone():
    metrics = {"macro_f1": 0.5, "f1": 0.5}
    assert compared(metrics, {"f1": 0.25, "macro_f1": 0.1}, "f1") == "macro_f1 0.5000, f1 0.5000 (baseline 0.2500)"
    assert compared(metrics, None, "f1") == "macro_f1 0.5000, f1 0.5000"


def test_the_verdict_has_the_metric_the_baseline_the_examples_and_the_epoch():
    assert verdict(REPORT) == (
        "On 1,000 dev examples the model has accuracy 0.8600; the baseline (always 'a') has 0.5350. "
        "On 20 test examples the model has accuracy 0.8000; the baseline (always 'a') has 0.5000. "
        "It is the model after epoch 2 of 4, the best on dev."
    )
    without = {name: value for name, value in REPORT.items() if name not in ("baseline", "test")}
    assert verdict(without).startswith("On 1,000 dev examples the model has accuracy 0.8600. It is")
    assert verdict(without | {"steps": 0}).endswith("0.8600. Nothing was trained: it is the checkpoint as it was.")


@pytest.mark.parametrize(("value", "words"), [(0.5, "below"), (0.535, "not above"), (math.nan, "not above")])
def test_a_run_that_is_not_above_its_baseline_says_so_with_both_figures_and_what_to_try(value, words):
    sentence = nothing_learned(REPORT | {"dev": {"accuracy": value}}, None)
    assert sentence == (
        f"This model has learned nothing of use: its best accuracy on dev, {value:.4f}, is {words} the baseline's "
        f"0.5350 (always 'a'). Try a lower --learning-rate (it was 5), or more --epochs (they were 4)."
    )


def test_a_model_that_always_predicts_the_same_may_have_more_luck_and_has_learned_as_little():
    assert nothing_learned(REPORT, "b") == (
        "This model has learned nothing of use: it predicts 'b' everywhere (accuracy 0.8600 on dev, beside the "
        "baseline's 0.5350 (always 'a')). Try a lower --learning-rate (it was 5), or more --epochs (they were 4)."
    )
    assert nothing_learned(REPORT | {"dev": {"accuracy": 1.0}}, "b") is None  # all of dev is


@pytest.mark.parametrize(("others", "said"), [(92.05, True), (91.0, True), (95.0, False)])
def test_a_decoder_that_ignores_its_sources_is_told_so(others, said):
    """It happened: 1,808 updates on dialogues at 1.5e-3 gave every source the same states."""
    dev = {"accuracy": 0.86, "perplexity": 92.04, "perplexity_with_other_sources": others}
    sentence = nothing_learned(REPORT | {"dev": dev}, None)
    assert (sentence is not None) == said
    if sentence is not None:
        assert sentence.startswith("This model does not look at its sources") and "(it was 5)" in sentence


@pytest.mark.parametrize(("value", "words"), [(60.0, "above"), (50.0, "not below"), (math.inf, "above")])
def test_of_a_perplexity_the_lower_is_better(value, words):
    baseline = REPORT["baseline"] | {"dev": {"perplexity": 50.0}}
    report = REPORT | {"metric": "perplexity", "baseline": baseline}
    sentence = nothing_learned(report | {"dev": {"perplexity": value}}, None)
    assert f"its best perplexity on dev, {value:.4f}, is {words} the baseline's 50.0000" in sentence
    assert nothing_learned(report | {"dev": {"perplexity": 49.0}}, None) is None


def test_a_run_of_few_updates_is_told_so_and_not_that_its_rate_is_too_high():
    assert nothing_learned(REPORT | {"dev": {"accuracy": 0.5}, "steps": 12}, None) == (
        "This model has learned nothing of use: its best accuracy on dev, 0.5000, is below the baseline's 0.5350 "
        "(always 'a'). It made 12 updates: try more --epochs (they were 4), or more examples."
    )


def test_an_encoder_and_a_decoder_have_their_layers_side_by_side():
    assert layers_in_words(BertConfig.tiny()) == "2 layers of 128"
    assert layers_in_words(CONFIG) == "2 + 3 layers of 15"
    assert layers_in_words(WIDER) == "2 + 3 layers of 15 and 21"


def test_a_checkpoint_that_was_only_measured_gets_other_advice():
    sentence = nothing_learned(REPORT | {"dev": {"accuracy": 0.5}, "steps": 0}, None)
    assert sentence == (
        "The patterns' words answer no better than a guess: its best accuracy on dev, 0.5000, is below the baseline's "
        "0.5350 (always 'a'). Try others, or train on some labels."
    )


def test_a_run_above_it_or_without_one_says_nothing():
    assert nothing_learned(REPORT, None) is None
    assert nothing_learned({name: value for name, value in REPORT.items() if name != "baseline"}, "b") is None
