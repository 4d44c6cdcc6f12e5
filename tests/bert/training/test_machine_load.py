"""The load: what our threads wait, and which cores are idle, as Linux counts them."""

import subprocess
import sys

import pytest

from bert.training import machine_load
from bert.training.machine_load import find_load_meter

TWO_THREADS_ON_A_CORE = """
import hashlib, os, threading, time
from bert.training.machine_load import find_load_meter

os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
meter, block, end = find_load_meter(), bytes(1 << 20), time.perf_counter() + 1.0

def compute():  # without Python's lock
    while time.perf_counter() < end:
        hashlib.sha256(block)

def compute_and_stay():  # what an ended thread waited is not counted
    compute()
    looked.wait()

looked = threading.Event()
thread = threading.Thread(target=compute_and_stay)
meter.read()
started, before = time.perf_counter(), time.process_time()
thread.start()
compute()
load = meter.read()
seconds = time.perf_counter() - started
print(load.waited, (time.process_time() - before) / seconds, load.idle)
looked.set()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux counts what threads wait")
def test_two_threads_that_always_compute_are_on_a_core_or_waiting_for_it():
    """The processor time is measured otherwise. It and the waiting are all of two threads' time, whatever else runs."""
    result = subprocess.run([sys.executable, "-c", TWO_THREADS_ON_A_CORE], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    waited, computed, idle = map(float, result.stdout.split())
    assert computed <= 1.1
    assert waited + computed == pytest.approx(2, abs=0.2)
    assert idle < 0.2


@pytest.fixture
def counts(tmp_path, monkeypatch):
    """A folder in the place of /proc, and a clock."""
    clock = iter([0.0, 2.0, 4.0])
    monkeypatch.setattr(machine_load, "PROC", tmp_path)
    monkeypatch.setattr(machine_load.time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(machine_load.os, "sched_getaffinity", lambda process: {0, 11}, raising=False)
    monkeypatch.setattr(machine_load.os, "sysconf", lambda name: 100)

    def write(threads: dict[int, int], idle: tuple[int, int, int]) -> None:
        for thread, waited in threads.items():
            (tmp_path / "self" / "task" / str(thread)).mkdir(parents=True, exist_ok=True)
            (tmp_path / f"self/task/{thread}/schedstat").write_text(f"777 {waited} 5\n")
        lines = ["cpu  1 2 3 999 5 6 7 0 0 0"]
        lines += [f"cpu{core} 10 20 30 {each} 50 60 70 0 0 0" for core, each in zip((0, 1, 11), idle)]
        (tmp_path / "stat").write_text("\n".join([*lines, "intr 5 6"]) + "\n")

    return write


def test_waits_of_all_threads_are_added_up_and_the_idle_time_of_own_cores(counts):
    counts({3: 10**9, 5: 0}, (100, 100, 100))
    meter = find_load_meter()
    counts({3: 2 * 10**9, 5: 5 * 10**8, 7: 10**8}, (150, 999, 240))  # in two seconds
    load = meter.read()
    assert load.waited == pytest.approx((1 + 0.5 + 0.1) / 2)  # a thread that has begun since counts too
    assert load.idle == pytest.approx((0.5 + 1.4) / 2)  # core 1 is not ours
    assert meter.read() == (0, 0)  # nothing has changed since


def test_without_the_counts_there_is_no_meter(tmp_path, monkeypatch):
    monkeypatch.setattr(machine_load, "PROC", tmp_path)
    assert find_load_meter() is None
