"""Trials of a benchmark: each in a process of its own. A finished one is kept in a file, and not run again."""

import json
import multiprocessing
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from bert.errors import InputError
from bert.files.whole import write_atomically

Trial, Result = TypeVar("Trial"), TypeVar("Result")


def results_of(
    trials: Iterable[Trial],
    case: Callable[[Trial], str],
    measure: Callable[[Trial], Result],
    kind: type[Result],
    path: Path | None,
    at_once: int = 1,
) -> dict[Trial, Result]:
    """The result of each trial: from the file if its case is there, else measured now and added to the file.

    Args:
        trials: dataclasses.
        case: all that a result depends on, but for the code, as a text.
        kind: the results' class, a dataclass.
        at_once: how many are measured at the same time, each from a thread. If one raises, no other one begins.
    """
    writing = threading.Lock()

    def result_of(trial: Trial) -> Result:
        row = read_rows(path).get(case(trial))
        if row is None:
            given: Any = (trial, measure(trial))
            row = {"case": case(trial)} | asdict(given[0]) | asdict(given[1])
            with writing:
                add_rows(path, [row])
        names: Any = kind
        return kind(**{name: row[name] for name in names.__dataclass_fields__})

    different = list(dict.fromkeys(trials))
    if at_once == 1:
        return {trial: result_of(trial) for trial in different}
    pool = ThreadPoolExecutor(at_once)
    try:
        return dict(zip(different, pool.map(result_of, different), strict=True))
    except (KeyboardInterrupt, SystemExit):
        for process in multiprocessing.active_children():  # their trials would be lost in any case
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def read_rows(path: Path | None) -> dict[str, dict]:
    """The rows of a file by case; none if there is no file."""
    if path is None or not path.exists():
        return {}
    return {row["case"]: row for row in json.loads(path.read_text(encoding="utf-8"))}


def add_rows(path: Path | None, rows: list[dict]) -> None:
    """Adds the rows to a file, and replaces rows of the same case."""
    if path is not None:
        by_case = read_rows(path) | {row["case"]: row for row in rows}
        write_atomically(path, json.dumps(list(by_case.values()), indent=1) + "\n")


def in_a_process_of_its_own(function: Callable, *arguments):
    """The function's result, from a new process in which nothing is warm.

    Raises:
        InputError, KeyboardInterrupt: if the function does.
        RuntimeError: if it raises anything else, or its process is killed.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send_result, args=(sender, function, arguments))
    process.start()
    sender.close()
    try:
        result = receiver.recv()
    except EOFError:
        raise RuntimeError(f"{function.__name__} failed; its traceback is above") from None
    finally:
        process.join()
    if isinstance(result, BaseException):
        raise result
    return result


def _send_result(sender, function: Callable, arguments: Sequence) -> None:
    try:
        result = function(*arguments)
    except (InputError, KeyboardInterrupt) as error:
        result = error
    sender.send(result)
