import operator
import os
import signal
import subprocess
import sys
import textwrap
import time
from functools import partial
from pathlib import Path

import pytest

from bert import workers
from bert.errors import InputError
from bert.workers import in_order
from tests.processes import workers_here


@pytest.mark.parametrize("processes", [1, 2, 3])
@pytest.mark.parametrize("tasks", [0, 1, 5, 40])
def test_the_results_are_those_of_map_in_order(processes, tasks):
    assert list(in_order(partial(operator.mul, 3), range(tasks), processes)) == list(range(0, 3 * tasks, 3))
    assert not workers_here()


def test_large_tasks_and_large_results_cannot_block_each_other():
    tasks = [os.urandom(1 << 20) for _ in range(12)]  # far larger than a pipe
    assert list(in_order(bytes, tasks, 2)) == tasks


def test_no_task_is_made_long_before_its_turn():
    made = []
    results = in_order(abs, (made.append(number) or number for number in range(1000)), 2)
    next(results)
    assert len(made) <= 2 * workers._TASKS_PER_WORKER + 1
    results.close()
    assert not workers_here()


def test_no_more_workers_are_started_than_there_are_tasks(monkeypatch):
    started = []
    start = workers._start
    monkeypatch.setattr(workers, "_start", lambda *arguments: started.append(1) or start(*arguments))
    assert list(in_order(abs, [-1, -2], 100)) == [1, 2]
    assert len(started) == 2


def test_an_error_in_a_worker_is_raised_here_and_says_where_it_was():
    with pytest.raises(ZeroDivisionError) as error:
        list(in_order(partial(operator.floordiv, 1), [1, 0, 1], 2))
    assert "In a worker process:" in error.value.__notes__[0]
    assert not workers_here()


def test_an_error_of_the_tasks_ends_the_workers():
    def tasks():
        yield -1
        raise InputError("line 7 is damaged")

    with pytest.raises(InputError, match="line 7"):
        list(in_order(abs, tasks(), 2))
    assert not workers_here()


def test_a_worker_that_dies_is_one_sentence():
    with pytest.raises(InputError, match=r"one of the 2 worker processes was ended from outside.*fewer --workers"):
        list(in_order(os._exit, range(100), 2))
    assert not workers_here()


def test_too_many_workers_for_the_system_are_one_sentence(monkeypatch):
    def refuse(*arguments, **options):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with pytest.raises(InputError, match=r"3 worker processes cannot be started \(Too many open files\); use fewer"):
        list(in_order(abs, range(10), 3))


def test_what_a_worker_prints_is_not_among_its_results(capfd):
    assert list(in_order(print, ["hello"] * 3, 2)) == [None] * 3
    assert capfd.readouterr() == ("", "hello\n" * 3)


def test_workers_are_new_processes_without_the_modules_of_this_one():
    import torch  # noqa: F401

    [loaded] = in_order(eval, ["'torch' in __import__('sys').modules"], 2)
    assert not loaded


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_worker_outlives_its_parent(number):
    program = """
    import itertools, signal
    from bert.workers import in_order
    if __name__ == "__main__":
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job would ignore it for ever
        for result in in_order(abs, itertools.repeat(-1), 2):
            print(result, flush=True)
    """
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    parent.stdout.readline()
    assert len(processes_of_session(parent.pid)) == 3
    os.killpg(parent.pid, number)  # as a terminal does with Ctrl-C
    _, said = parent.communicate()
    assert said.count(b"Traceback") == (number == signal.SIGINT)  # of the parent alone
    deadline = time.monotonic() + 20
    while processes_of_session(parent.pid):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def processes_of_session(session):
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.getsid(int(name)) == session and " Z " not in Path(f"/proc/{name}/stat").read_text():
                found.append(name)
        except (ProcessLookupError, FileNotFoundError):
            continue
    return found
