"""What a model card says of a pretraining run."""

from dataclasses import fields

from pretraining.card import facts_of
from pretraining.settings import PretrainingSettings

LOG = [
    {
        "step": 0,
        "unigram_masked_lm_loss": 6.0,
        "five_gram_masked_lm_loss": 5.0,
        "majority_next_sentence_accuracy": 0.55,
    },
    {"step": 5, "heldout_masked_lm_loss": 4.5, "heldout_next_sentence_accuracy": 0.6},
    {"step": 9, "heldout_masked_lm_loss": 4.0, "heldout_next_sentence_accuracy": 0.7},
]


def settings(**changes) -> PretrainingSettings:
    assert changes.keys() <= {field.name for field in fields(PretrainingSettings)}
    return PretrainingSettings(**({"output": "runs/it"} | changes))


def test_the_newest_held_out_figures_stand_beside_the_better_guess():
    (result,) = facts_of(settings(), 9, LOG).results
    assert result.metrics == {"masked_lm_loss": 4.0, "next_sentence_accuracy": 0.7}
    assert result.baseline == {"masked_lm_loss": 5.0, "next_sentence_accuracy": 0.55}
    assert facts_of(settings(), 0, []).results == []


def test_the_built_in_corpus_is_english_and_of_another_the_language_is_not_known():
    assert facts_of(settings(), 9, LOG).language == "en"
    other = facts_of(settings(corpus=["/home/me/wiki.txt"], checkpoint="/home/me/base"), 9, LOG)
    assert (other.language, other.datasets, other.base_model) == (None, ["wiki.txt"], "base")
    assert "/home" not in str(other)


def test_of_a_corpus_of_many_files_the_first_are_named_and_the_others_counted():
    """The text extracted from Wikipedia is 20,000 files, of which many have one name."""
    files = [f"{folder}/wiki_{number:02}" for folder in ("AA", "AB") for number in range(99)]
    many = facts_of(settings(corpus=files), 9, LOG)
    assert many.datasets == [f"wiki_{number:02}" for number in range(5)]
    assert "wiki_04 and 94 more files: 9 updates" in many.history


def test_of_masks_it_has_what_the_run_did():
    falling = {"masking_rate": "0.3:0.2", "whole_word_masking": True}
    assert facts_of(settings(**falling), 9, LOG).settings["masking_rate"] == "0.3:0.2"
    minutes = facts_of(settings(**falling, max_minutes=5.0), 9, LOG)  # such a run has the last rate alone
    assert minutes.settings["masking_rate"] == "0.2"
    causal = facts_of(settings(**falling, objective="next-token", nsp=False), 9, LOG)
    assert not {"masking_rate", "whole_word_masking"} & causal.settings.keys()
    assert (causal.baseline, causal.settings["objective"]) == ("next pieces by their frequency", "next-token")


def test_figures_that_were_not_finite_are_passed_over():
    log = [*LOG, {"step": 12, "heldout_masked_lm_loss": None, "heldout_other": None}]
    assert facts_of(settings(), 12, log).results == facts_of(settings(), 12, LOG).results
