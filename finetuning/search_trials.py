"""The trials of a search: ``search.json``, which remembers them, and the run of each one."""

import math
import shutil
import signal
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from bert.errors import InputError
from bert.files.json_objects import read_json_object
from bert.files.schema import Rule, check, is_count, is_number, is_plain
from bert.files.whole import lock_directory
from bert.tasks.report import write_json
from bert.training.reporting import read_log
from bert.training.settings import MODELS
from finetuning.child_runs import Interrupted, report_of
from finetuning.search_space import Settings, as_flags

STATES = ("running", "finished", "pruned", "failed")
# Somebody asked the run to stop, so the search stops too: its exit code, or the signal that ended it.
STOPPED = (130, 128 + signal.SIGTERM, -signal.SIGINT, -signal.SIGTERM)
_TEXT = Rule(lambda value: isinstance(value, str), "a text")
_NUMBER = Rule(lambda value: value is None or is_number(value), "a number or nothing")
_LIST = Rule(lambda value: isinstance(value, list) and is_plain(value), "a list")
_RULES = {
    "number": Rule(is_count, "a whole number from 0"),
    "settings": Rule(lambda value: isinstance(value, dict) and is_plain(value), "flags and their values"),
    "bounds": _LIST, "curve": _LIST, "metric": _TEXT, "reason": _TEXT, "value": _NUMBER, "seconds": _NUMBER,
    "state": Rule(lambda value: value in STATES, f"one of {', '.join(STATES)}"),
}  # fmt: skip


@dataclass(frozen=True)
class Trial:
    """A trial: what it tries, and what came of it."""

    number: int  # from 0, which has the settings of a run without a search
    settings: Settings  # of the flags that are searched
    bounds: Sequence[str] = ()  # each "EPOCH=VALUE": it stops there if it is worse
    state: str = "running"  # or "finished", "pruned", "failed"
    metric: str = ""
    value: float | None = None  # of the metric on the validation set, after the best epoch
    curve: Sequence[float | None] = ()  # the same after each epoch; None: no number
    seconds: float = 0.0  # of training
    reason: str = ""  # why it failed

    @property
    def name(self) -> str:
        """The name of its directory."""
        return f"trial-{self.number:02}"

    @property
    def flags(self) -> list[str]:
        """The flags that give a run its settings."""
        return as_flags(self.settings) if self.number else []


def write_trials(path: Path, content: dict[str, Any], trials: Sequence[Trial]) -> None:
    """Writes ``search.json``: the trials beside what else it holds."""
    write_json(path, content | {"trials": [asdict(trial) for trial in trials]})


def read_trials(path: Path) -> list[Trial]:
    """The trials in ``search.json``. Raises InputError if they are not as they were written."""
    remedy = "put back the file, or name another --output"
    rows = read_json_object(path).get("trials")
    if not isinstance(rows, list):
        raise InputError(f"{path}: has no list of trials; {remedy}")
    trials = []
    for number, row in enumerate(rows):
        source = f"{path}: trial {number}"
        check(row, _RULES, source, remedy, required=tuple(_RULES))
        if row["number"] != number:
            raise InputError(f"{source}: has the number {row['number']}; {remedy}")
        trials.append(Trial(**row))
    return trials


def run_trial(trial: Trial, run: Path, flags: Sequence[str]) -> Trial:
    """Runs a trial, or goes on with one that was interrupted. Returns it with its outcome.

    A run that fails is a trial that failed: its loss was not finite, or memory was too small.

    Args:
        flags: of all trials.

    Raises:
        Interrupted: if somebody stopped the run; also if a run with the usual settings was refused at once, for then
            all would be.
        InputError: if the run of a search that was killed is still at work.
    """
    with lock_directory(run):
        pass
    bounds = ["--stop-if-worse", *trial.bounds] if trial.bounds else []
    errors: list[str] = []
    try:
        report = report_of(run, [*flags, *trial.flags, *bounds], errors)
    except Interrupted as ended:
        was_refused = trial.number == 0 and not (run / "arguments.json").exists()
        if ended.code in STOPPED or was_refused:
            raise
        return replace(trial, state="failed", reason=reason_of(ended.code, errors))
    metric, value = report["metric"], report["dev"][report["metric"]]
    return replace(
        trial, state="pruned" if report["ended"] == "pruned" else "finished", metric=metric,
        value=value if math.isfinite(value) else None, curve=curve_of(run, metric), seconds=report["training_seconds"],
    )  # fmt: skip


def curve_of(run: Path, metric: str) -> list[float | None]:
    """The metric after each epoch of a run, from its log. None: it was no number."""
    name = f"dev_{metric}"
    return list({line["step"]: line[name] for line in read_log(run / "log.jsonl") if name in line}.values())


def reason_of(code: int, errors: Sequence[str]) -> str:
    """Why a run failed, in a sentence: by its last error, else by its exit code or the signal that ended it."""
    marker = "error: "
    said = [line.partition(marker)[2].strip() for line in errors if line.startswith("train_finetune.py: " + marker)]
    lines = said or [line.strip() for line in errors if line.strip()]
    if code < 0:
        perhaps = ", perhaps for want of memory" if code == -signal.SIGKILL else ""
        return f"it was ended by the signal {signal.Signals(-code).name}{perhaps}"
    return lines[-1] if lines else f"it ended with exit code {code}"


def remove_weights(run: Path) -> None:
    """Removes what takes room in the directory of a trial that is not the best: its weights and training state."""
    for name in MODELS:
        (run / name).unlink(missing_ok=True)
    shutil.rmtree(run / "training_state", ignore_errors=True)
