"""The recipes of pretraining: the paper's, and how each smaller size departs from it; and the model that they make."""

from pathlib import Path

import pytest
import torch

from bert.errors import InputError
from bert.heads.pretraining import BertForPreTraining
from pretraining import assembly
from pretraining.settings import PretrainingSettings, read_settings
from pretraining.start import find_config, make_model

PAPER = {  # Devlin et al. 2018, section 3.1 and appendix A.2; google-research/bert
    "vocab_size": 30_522, "max_length": 128, "batch_size": 256, "learning_rate": 1e-4, "max_steps": 1_000_000,
    "dropout": 0.1, "initializer_range": 0.02, "sinusoidal_start": False, "nsp": True, "whole_word_masking": False,
    "optimizer": "bert-adamw", "weight_decay": 0.01, "masking_rate": "0.15",
    "tokenizer": "wordpiece", "cased": False, "preset": "faithful",
}  # fmt: skip
SMALL = {"dropout": 0.0, "sinusoidal_start": True}
DEPARTURES = {
    "tiny": SMALL | {"vocab_size": 6_000, "max_length": 64, "batch_size": 32, "learning_rate": 3e-3,
                     "max_steps": 16_000, "initializer_range": 0.05, "optimizer": "muon", "weight_decay": 0.1,
                     "masking_rate": "0.3:0.15"},
    "mini": SMALL | {"vocab_size": 16_000, "batch_size": 64, "learning_rate": 1e-3, "max_steps": 20_000,
                     "initializer_range": 0.035},
    "small": {"batch_size": 128, "learning_rate": 5e-4, "max_steps": 100_000},
    "medium": {"learning_rate": 3e-4, "max_steps": 250_000},
    "base": {},
    "large": {},
}  # fmt: skip


@pytest.fixture(autouse=True)
def in_an_empty_directory(tmp_path, monkeypatch):
    """So that no run has the name of a new one."""
    monkeypatch.chdir(tmp_path)


def settings_of(*flags) -> PretrainingSettings:
    return read_settings([*map(str, flags), "--output", "run"])


def model_of(*flags) -> BertForPreTraining:
    settings = settings_of(*flags)
    return make_model(settings, find_config(settings, Path("run")))


@pytest.mark.parametrize("size", DEPARTURES)
def test_a_size_has_the_papers_recipe_but_for_its_departures(size):
    recipe = vars(settings_of("--size", size))
    expected = PAPER | DEPARTURES[size]
    assert {name: recipe[name] for name in expected} == expected
    assert (recipe["eval_every"], recipe["eval_examples"], recipe["checkpoint_every"]) == (1_000, 1_000, 1_000)


@pytest.mark.parametrize("optimizer", ["bert-adamw", "adamw"])
def test_with_adamw_tiny_has_a_rate_and_a_decay_for_it(optimizer):
    usual = vars(settings_of())
    assert vars(settings_of("--optimizer", "muon")) == usual
    changed = {"optimizer": optimizer, "learning_rate": 2e-3, "weight_decay": 0.01}
    assert vars(settings_of("--optimizer", optimizer)) == usual | changed
    assert settings_of("--optimizer", optimizer, "--weight-decay", 0.2, "--learning-rate", 1).weight_decay == 0.2
    assert vars(settings_of("--optimizer", optimizer, "--size", "3x128")) == usual | changed | {"size": "3x128"}


def test_a_size_of_layers_and_width_has_heads_of_64_and_the_recipe_of_the_closest_name():
    config = model_of("--vocab-size", 90, "--size", "3x128").config
    assert (config.num_hidden_layers, config.hidden_size, config.num_attention_heads) == (3, 128, 2)
    assert config.intermediate_size == 512
    named, of_layers_and_width = (vars(settings_of("--size", size)) for size in ("tiny", "3x128"))
    assert of_layers_and_width == named | {"size": "3x128"}
    assert settings_of("--size", "4x320").learning_rate == settings_of("--size", "mini").learning_rate
    assert settings_of("--size", "13x768").learning_rate == settings_of("--size", "base").learning_rate


@pytest.mark.parametrize(("size", "sentence"), [
    ("huge", "'huge' is none of tiny, mini, .*, and no LAYERSxWIDTH such as 4x128"),
    ("0x128", "'0x128' is none of"),
    ("4x", "'4x' is none of"),
    ("4x100", "4x100: each head has 64 dimensions, so the width is a multiple of 64"),
    ("99999999x64", "num_hidden_layers is above"),
])  # fmt: skip
def test_what_is_no_size_is_refused(size, sentence):
    with pytest.raises(InputError, match=sentence):
        settings_of("--size", size)


def test_ten_thousand_updates_warm_up_a_run_of_the_papers_length():
    assert assembly.MOST_WARMUP_STEPS == 10_000


@pytest.mark.parametrize(("flags", "hidden", "attention"), [
    (("--size", "small"), 0.1, 0.1),
    (("--size", "small", "--preset", "fast"), 0.1, 0.0),
    (("--size", "tiny"), 0.0, 0.0),
    (("--dropout", 0.25), 0.25, 0.25),
    (("--dropout", 0.25, "--preset", "fast"), 0.25, 0.0),
])  # fmt: skip
def test_dropout_is_of_hidden_states_and_attention_weights_unless_the_preset_is_fast(flags, hidden, attention):
    config = model_of("--vocab-size", 90, *flags).config
    assert (config.hidden_dropout_prob, config.attention_probs_dropout_prob) == (hidden, attention)
    assert config.vocab_size == 90


def test_every_weight_trains_and_without_nsp_all_but_the_pooler_and_its_head():
    def frozen(*flags):
        return {name for name, weight in model_of("--vocab-size", 90, *flags).named_parameters()
                if not weight.requires_grad}  # fmt: skip

    assert frozen() == set()
    assert frozen("--no-nsp") == {
        "bert.pooler.dense.weight", "bert.pooler.dense.bias", "next_sentence.classifier.weight",
        "next_sentence.classifier.bias",
    }  # fmt: skip


def test_initial_weights_have_the_spread_of_the_recipe_and_are_cut_at_two_of_it():
    torch.manual_seed(0)
    model = model_of("--vocab-size", 3000, "--initializer-range", 0.1)
    for name, weight in model.named_parameters():
        if name.endswith("bias"):
            assert not weight.any(), name
        elif "norm" in name:
            assert weight.eq(1).all(), name
        elif "position" not in name and weight.numel() > 10_000:
            assert weight.abs().max() <= 0.2 + 1e-6, name
            # A normal distribution that is cut at two standard deviations has 0.88 of its spread.
            assert weight.std().item() == pytest.approx(0.88 * 0.1, rel=0.03), name
    positions = model.bert.embeddings.position_embeddings.weight
    assert positions.std().item() == pytest.approx(0.1, rel=1e-4)  # tiny's start as sinusoids
