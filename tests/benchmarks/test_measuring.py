"""Contestants run in turns, each in its own process: results, times and memory."""

import time
from functools import partial

import numpy as np
import pytest
import torch

from benchmarks.measuring import memory_row, speed_row, take_turns

CPU = torch.device("cpu")
MEGABYTE = 1_000_000


def make_sleeper(seconds: float, megabytes: int):
    held = np.ones(megabytes * MEGABYTE, np.int8)

    def work() -> int:
        time.sleep(seconds)
        return len(held)

    return work


def make_nothing():
    raise ValueError("this contestant cannot be made")


@pytest.fixture(scope="module")
def turns():
    return take_turns({"ours": partial(make_sleeper, 0.01, 50), "theirs": partial(make_sleeper, 0.1, 150)}, CPU, 0.05)


def test_each_takes_at_least_five_turns_and_is_measured_alone(turns):
    assert len(turns["ours"].seconds) == len(turns["theirs"].seconds) >= 5
    assert turns["ours"].median >= 0.01
    assert turns["theirs"].median >= 0.1
    assert [turns[name].result for name in ("ours", "theirs")] == [50 * MEGABYTE, 150 * MEGABYTE]
    assert 50 * MEGABYTE <= turns["ours"].peak < 100 * MEGABYTE < 150 * MEGABYTE <= turns["theirs"].peak


def test_rows_say_how_much_faster_and_smaller_ours_is(turns):
    row = speed_row("case", "fp32", "tokens/s", turns["ours"], turns["theirs"], amount=100)
    assert row["ours"] == 100 / turns["ours"].median
    assert row["ratio"] == row["ours"] / row["theirs"] > 1
    assert row["spread"][0] <= row["spread"][1]
    assert memory_row("case", "fp32", 50 * MEGABYTE, 200 * MEGABYTE) == {
        "case": "case, peak memory", "precision": "fp32", "ours": 50.0, "theirs": 200.0,
        "unit": "MB (less is better)", "ratio": 0.25,
    }  # fmt: skip


def test_a_contestant_that_fails_ends_the_contest():
    with pytest.raises(EOFError):
        take_turns({"ours": partial(make_sleeper, 0.0, 1), "theirs": make_nothing}, CPU, 0.05)
