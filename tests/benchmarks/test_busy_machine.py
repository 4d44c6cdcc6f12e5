"""The benchmark beside another program: what it trains, and how its rows compare."""

import os
import time

import pytest

from benchmarks.busy_machine import ALL, ALONE, BUSY, CHOOSING, ONE, another_program, rate_of, rows_of, training_rate
from benchmarks.measuring import Turns


def test_a_training_of_some_time_has_a_rate():
    started = time.perf_counter()
    assert training_rate(0.5, "fp32") > 0
    assert time.perf_counter() - started >= 0.5


def test_a_turn_has_its_number_of_threads_and_leaves_the_environment_as_it_was(monkeypatch):
    seen = []

    class Process:
        def __init__(self, target, args):
            self.pipe = args[2]

        def start(self):
            seen.append(os.environ.get("OMP_NUM_THREADS"))
            self.pipe.send(7.0)

        def join(self):
            pass

    monkeypatch.setattr("multiprocessing.context.SpawnContext.Process", Process)
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert [rate_of(threads, 1, "fp32") for threads in (CHOOSING, ALL, ONE)] == [7.0] * 3
    assert seen == [None, "1", "1"]  # tests have one thread
    assert os.environ["OMP_NUM_THREADS"] == "5"


def test_the_other_program_runs_inside_the_block_alone():
    with another_program() as program:
        assert program.poll() is None
    assert program.poll() is not None


def test_rows_compare_rates():
    seconds = {(ALONE, CHOOSING): 2.0, (ALONE, ALL): 2.0, (BUSY, CHOOSING): 4.0, (BUSY, ALL): 40.0, (BUSY, ONE): 4.0}
    rows = rows_of({turn: Turns([each] * 3) for turn, each in seconds.items()}, "fp32")
    assert [row["ratio"] for row in rows] == pytest.approx([1, 0.5, 10, 1])
    assert rows[0]["case"] == "tiny, alone and the run chooses / alone and all threads"
