"""Phases: lengths of sequences one after another, in one run."""

import argparse
from types import SimpleNamespace

import pytest

from bert.training.flags import LARGEST
from pretraining.phases import Phase, checked_phases, phase_at, phases, phases_of, updates_of

TWO = phases("16:3,32:2")


def updates_from(step, max_length, position):
    """Two updates in an epoch, for ever."""
    epoch, window, offset = position or (0, 0, 0)
    while True:
        if offset == 2:
            epoch, offset = epoch + 1, 0
        offset += 1
        yield SimpleNamespace(
            max_length=max_length, position=(epoch, window, offset), at=(epoch, offset - 1), number=step
        )
        step += 1


def taken(run, step, position, count):
    return [(each.max_length, *each.at) for each, _ in zip(updates_of(run, step, position, updates_from), range(count))]


def test_the_papers_phases_are_a_million_updates():
    assert phases("128:900000,512:100000") == [Phase(128, 0, 900_000), Phase(512, 900_000, 1_000_000)]
    assert phases("16:3") == [Phase(16, 0, 3)]
    assert phases_of("16:3", 64) == phases("16:3")
    assert phases_of(None, 64) == [Phase(64, 0, LARGEST)]


def test_an_update_belongs_to_one_phase_and_after_the_end_to_the_last():
    assert [phase_at(TWO, step).max_length for step in range(7)] == [16, 16, 16, 32, 32, 32, 32]


def test_a_new_length_begins_a_new_pass_and_the_same_length_goes_on():
    assert taken(TWO, 0, None, 6) == [(16, 0, 0), (16, 0, 1), (16, 1, 0), (32, 2, 0), (32, 2, 1), (32, 3, 0)]
    assert taken(phases("16:3,16:2"), 0, None, 5) == taken(phases("16:5"), 0, None, 5)


def test_they_go_on_from_any_update_as_if_nothing_had_happened():
    whole = list(zip(range(5), updates_of(TWO, 0, None, updates_from)))
    assert [update.number for _, update in whole] == [0, 1, 2, 3, 4]  # also in the second phase
    for step, update in whole[:2]:  # in the first phase
        expected = [(each.max_length, *each.at) for _, each in whole[step + 1 :]]
        assert taken(TWO, step + 1, update.position, 4 - step) == expected


def test_a_text_that_is_no_list_of_phases_is_refused():
    assert checked_phases("16:3,32:2") == "16:3,32:2"
    for text in ("", "16", "16:3,", "3:a", "16:0", "0:3"):
        with pytest.raises(argparse.ArgumentTypeError, match="is no list of lengths with updates"):
            checked_phases(text)
    with pytest.raises(argparse.ArgumentTypeError, match="above"):
        checked_phases(f"16:{LARGEST},32:1")
