"""``python -m bert track``: sends the log of a run to a tracker, once or while it grows."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bert.errors import InputError
from bert.files.json_objects import read_json_object
from bert.tracking.memory import Sent, read_sent, write_sent
from bert.tracking.points import new_points, results_of, texts_of
from bert.tracking.tail import Tail
from bert.tracking.trackers import TRACKERS, Tracker

PAUSE = 2.0  # seconds between two looks at the log


def track(
    directory: str, to: str, project: str = "bert", online: bool | None = None, follow: bool = False,
    log: Callable[..., None] = print, pause: float = PAUSE,
) -> int:  # fmt: skip
    """Sends what a tracker does not have yet of a run.

    Args:
        directory: the run's, with its ``log.jsonl``.
        to: a name in ``TRACKERS``.
        online: None: if the user is logged in.
        follow: waits for further lines, until the run says that it has ended, or Ctrl-C.
        log: takes sentences for the user.
        pause: seconds between two looks.

    Returns:
        How many numbers were sent.

    Raises:
        InputError: if there is no log, if the tracker's package is not installed, or if it fails. What it had taken
            by then is not sent again.
    """
    run = Path(directory)
    if not (run / "log.jsonl").exists() and not (follow and (run / "arguments.json").exists()):
        inside = ", ".join(sorted(path.parent.name for path in run.glob("*/log.jsonl"))[:5])
        remedy = f"name one of its runs: {inside}" if inside else "name the directory of a run"
        raise InputError(f"{run}: holds no log.jsonl; {remedy}")
    settings = read_json_object(run / "arguments.json") if (run / "arguments.json").exists() else {}
    sent, tail = read_sent(run, to, project), Tail(run / "log.jsonl")
    count, facts, ended = 0, {}, None
    tracker = _failing_in_a_sentence(to, lambda: TRACKERS[to](run, sent, settings, online))
    log(f"{run} goes to {to}: {tracker.where}")
    try:
        while True:
            lines = tail.read()
            facts |= texts_of(lines)
            count += _send(tracker, to, lines, run, sent)
            if lines:
                ended = lines[-1].get("ended")  # None: the run is at work, or was killed
            if not follow or (ended is not None and _is_reported(run, ended)):
                break
            time.sleep(pause)
    except KeyboardInterrupt:
        log(f"Stopped; {run} trains on if it did. The same command sends the rest.")
    report = run / "report.json"
    results = results_of(read_json_object(report)) if report.exists() else {}
    _failing_in_a_sentence(to, lambda: tracker.close(results, facts))
    log(f"{run}: {count:,} numbers sent, until step {max(sent.step, 0):,}.")
    if tail.passed_over:
        log(f"Note: {tail.passed_over:,} lines of its log are none that a run writes, and were left out.")
    return count


def _send(tracker: Tracker, to: str, lines: list[dict[str, Any]], run: Path, sent: Sent) -> int:
    """Sends the points of the lines that are new. Returns how many numbers they had."""
    count = 0
    try:
        for point in new_points(lines, sent):
            _failing_in_a_sentence(to, lambda point=point: tracker.send(point))
            sent.note(point.step, point.numbers)
            count += len(point.numbers)
    finally:
        if count:
            write_sent(run, to, sent)
    return count


def _is_reported(run: Path, ended: str) -> bool:
    """Whether nothing more is to come of a run that has ended: fine-tuning writes its report after its log."""
    if ended == "interrupted" or not (run / "task.json").exists():
        return True
    report = run / "report.json"
    return report.exists() and report.stat().st_mtime >= (run / "log.jsonl").stat().st_mtime


def _failing_in_a_sentence(to: str, do: Callable[[], Any]) -> Any:
    """What ``do`` returns. A tracker's own error becomes an InputError."""
    try:
        return do()
    except InputError:
        raise
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"{to} has failed ({reason}); the run is as it was, and the same command goes on from the last step sent"
        ) from error
