"""Worker processes: a function applied to many tasks, several at a time, in order and in bounded memory.

    tasks 0, 1, 2, 3 ...      worker 0: tasks 0, 2, 4 ...  ->  results 0, 1, 2, 3 ...
                              worker 1: tasks 1, 3, 5 ...

A worker is a new Python, which imports what the function needs and no more: without torch that takes a quarter of a
second. We never fork. A fork copies one thread alone, with the locks that other threads held at that moment. Threads
of gloo, CUDA and OpenMP are running by the time we tokenize, and a copy may wait for such a lock for ever. The
standard library's two other ways (spawn, forkserver) import the main script in each worker, and so torch: seconds.
"""

import contextlib
import os
import pickle
import subprocess
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable
from queue import SimpleQueue
from typing import IO, Any, TypeVar

from bert.errors import InputError

_TASKS_PER_WORKER = 3  # one at work, and others so that the worker need not wait
_PROGRAM = (
    "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); from bert.workers import work; "
    "work(sys.stdin.buffer)"
)

Task = TypeVar("Task")
Result = TypeVar("Result")


def in_order(
    function: Callable[[Task], Result], tasks: Iterable[Task], processes: int
) -> Generator[Result, None, None]:
    """``map(function, tasks)``, computed by worker processes. With one process, this process does the work.

    The workers end with the iterator: when it is exhausted, closed, or no longer referred to. They also end if this
    process is killed. Ctrl-C is for this process alone.

    Args:
        function: and its tasks and results can be pickled. It is sent to each worker once.
        processes: the most workers. No more are started than there are tasks.

    Raises:
        InputError: if a worker cannot be started, or was killed.
    """
    if processes <= 1:
        yield from map(function, tasks)
        return
    workers: list[subprocess.Popen[bytes]] = []
    pending: deque[subprocess.Popen[bytes]] = deque()  # the worker of each task that was sent, the oldest first
    try:
        for number, task in enumerate(tasks):
            if len(pending) == processes * _TASKS_PER_WORKER:
                yield _result(pending.popleft(), processes)
            if number < processes:
                workers.append(_start(function, processes))
            pending.append(workers[number % processes])
            _send(pending[-1], processes, task)
        while pending:
            yield _result(pending.popleft(), processes)
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()  # closes its pipes, and waits for its end


def _start(function: Callable, processes: int) -> subprocess.Popen[bytes]:
    try:
        worker = subprocess.Popen(
            [sys.executable, "-P", "-c", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            process_group=0 if os.name == "posix" else None,  # a terminal sends Ctrl-C to its own group
        )
    except OSError as error:
        raise InputError(f"{processes} worker processes cannot be started ({error.strerror}); use fewer") from error
    _send(worker, processes, sys.path, function)
    return worker


def _send(worker: subprocess.Popen[bytes], processes: int, *values: object) -> None:
    assert worker.stdin is not None
    try:
        for value in values:
            pickle.dump(value, worker.stdin, protocol=5)
        worker.stdin.flush()
    except BrokenPipeError as error:
        raise _killed(processes) from error


def _result(worker: subprocess.Popen[bytes], processes: int) -> Any:
    assert worker.stdout is not None
    try:
        result, error = pickle.load(worker.stdout)
    except (EOFError, pickle.UnpicklingError) as error:
        raise _killed(processes) from error
    if error is not None:
        raise error
    return result


def _killed(processes: int) -> InputError:
    return InputError(
        f"one of the {processes} worker processes was ended from outside, perhaps for want of memory; try again with "
        f"fewer --workers"
    )


# ---- in the worker ----


def work(stdin: IO[bytes]) -> None:
    """What a worker does: reads a function and its tasks, and writes the results to its standard output."""
    results = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the function prints must not be among the results
    received: SimpleQueue[Any] = SimpleQueue()
    threading.Thread(target=_receive, args=(stdin, received), daemon=True).start()
    function = received.get()
    with contextlib.suppress(BrokenPipeError):  # this process's parent has ended
        while True:
            try:
                answer = function(received.get()), None
            except BaseException as error:
                error.add_note(f"In a worker process:\n{traceback.format_exc()}")
                answer = None, error
            pickle.dump(answer, results, protocol=5)
            results.flush()


def _receive(stdin: IO[bytes], received: SimpleQueue) -> None:
    """Takes tasks while the worker computes, so that sending never waits. Ends the worker when its parent ends."""
    try:
        while True:
            received.put(pickle.load(stdin))
    except EOFError:
        os._exit(0)
    except BaseException:  # the function cannot be imported
        traceback.print_exc()
        os._exit(1)
