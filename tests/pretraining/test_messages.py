from dataclasses import replace

import numpy as np
import pytest

from data.corpus.tokenized import TokenizedCorpus
from pretraining.assembly import schedule_of
from pretraining.messages import how_long, next_commands, warn_of_random_pairs
from pretraining.settings import PretrainingSettings


def test_a_note_names_the_share_of_random_pairs_its_cause_and_the_remedies_above_three_fifths():
    # 60 tokens in 6 sentences in 4 documents
    corpus = TokenizedCorpus(np.zeros(60), np.arange(0, 61, 10), np.array([0, 1, 2, 4, 6]), np.zeros(0), np.zeros(0))
    for share in (0.0, 0.5, 0.6):
        assert warn_of_random_pairs(share, corpus, 24) == ""
    note = warn_of_random_pairs(0.601, corpus, 24)
    assert note.startswith("Note: 60.1% of the sentence pairs are random")
    assert "a document has 1.5 sentences on average, a sentence 10 tokens, and an input 24" in note
    for remedy in ("--document-per-line", "--max-length", "--no-nsp"):
        assert remedy in note


@pytest.mark.parametrize("limit", [{"max_steps": 20}, {"max_steps": None, "epochs": 2}])
def test_a_run_that_ends_before_its_schedule_names_the_command_that_goes_on(limit):
    settings = replace(PretrainingSettings(), schedule_to=30, **limit)
    assert next_commands(settings, "finished", 20)[1].endswith("--resume --max-steps 30")
    assert "fill-mask" in next_commands(settings, "finished", 30)[2]
    assert "fill-mask" in next_commands(replace(settings, schedule_to=None), "finished", 20)[2]


@pytest.mark.parametrize(("flags", "words"), [
    ({"max_steps": 30}, "30 steps of 256 examples of up to 128 tokens (about 3.0 epochs)"),
    ({"max_steps": 20, "schedule_to": 30}, "(about 2.0 epochs) of a schedule over 30"),
    ({"max_steps": None, "schedule_to": 30, "max_minutes": 2.5}, "(about 3.0 epochs), in sessions of 2.5 minutes"),
    ({"max_steps": None, "max_minutes": 4.0}, "4 minutes, to which the schedule is fitted, in steps of 256 examples"),
    ({"max_steps": 30, "max_minutes": 4.0}, "4 minutes and at most 30 steps, to which the schedule is fitted"),
    ({"max_steps": None, "phases": "128:20,512:10"}, "30 steps of 256 examples: 20 of up to 128 tokens, then 10 of up"),
])  # fmt: skip
def test_the_user_reads_what_limits_the_run_and_what_its_schedule_is(flags, words):
    settings = replace(PretrainingSettings(), **flags)
    assert words in how_long(settings, schedule_of(settings, 10), 10)
