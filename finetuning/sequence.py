"""A sequence of tasks: one model learns them one after another, and what it forgets is measured.

    python -m finetuning.sequence --tasks sst2=glue/SST-2 mrpc=glue/MRPC library --method replay --keep 0.1 \\
        --examples 2000 --checkpoint runs/pretrain --output runs/sequence --bounds

    data/sst2/, ...               the examples, drawn by the seed
    1-sst2                        learns the first task from the checkpoint
    2-mrpc, 3-library             go on from the run before, by the method; adapters: each from the checkpoint
    bounds/one-after-another/...  --bounds: the same without any method
    bounds/all-at-once            all tasks in one run
    bounds/one-model-each/...     a model for each task
    matrix.json, matrix.png       the scores of each task after each task, and the measures

Each is a run of ``train_finetune.py``, in a process of its own. The same command goes on after an interruption. Runs
that are finished are not run again, and one that was interrupted is resumed. Further flags go to all of these runs;
flags about later tasks, such as --ewc-strength, go to the runs that have a use for them.

Every model is measured with the task unknown (the best of all labels) and known (the best of the task's labels).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bert.errors import InputError
from bert.files.terminal import orderly
from bert.tasks.options import Columns
from bert.training.script import explain_failure
from finetuning.child_runs import Interrupted, report_of
from finetuning.sequence_report import report_sequence
from finetuning.sequence_scores import SETTINGS, Scores, scores_of_run, untrained_scores
from finetuning.sequence_settings import ADAPTERS, SequenceSettings, keep_settings, make_parser, read_settings
from finetuning.sequence_tasks import SequenceTask, all_at_once, read_sequence
from finetuning.settings import read_settings as read_settings_of_run

NOT_MEASURED: Scores = dict.fromkeys(SETTINGS, float("nan"))


def main(command_line: list[str] | None = None) -> int:
    """Runs the command. Returns its exit code: 0, 2 for bad input, or that of the run that ended early."""
    given = make_parser(__doc__).parse_known_args(command_line)
    with orderly():
        try:
            run_sequence(read_settings(*given))
        except Interrupted as ended:
            return ended.code
        except BaseException as error:
            return explain_failure("finetuning.sequence", error)
    return 0


def run_sequence(settings: SequenceSettings) -> None:
    """All runs, in order, and the report."""
    check_flags(settings)
    tasks = read_tasks(settings)
    keep_settings(settings)
    report: dict[str, Any] = {
        "tasks": [task.name for task in tasks], "method": settings.method, "seed": settings.seed,
        "trained_with_task_known": settings.task_known or settings.method == ADAPTERS,
        "examples": {task.name: {"train": len(task.training), "dev": len(task.dev)} for task in tasks},
    }  # fmt: skip
    report["scores"] = learn_in_turn(settings, tasks, settings.method, settings.place())
    if settings.shared_labels:  # else no label of a task exists before the task comes
        first = settings.place(f"1-{tasks[0].name}")
        report["untrained"] = untrained_scores(first, settings.checkpoint, tasks, settings.seed)
    if settings.bounds:
        bounds, folder = {}, settings.place("bounds")
        if settings.method != "none":
            bounds["one after another"] = learn_in_turn(settings, tasks, "none", folder / "one-after-another")
        bounds["all at once"] = learn_at_once(settings, tasks, folder / "all-at-once")
        bounds["one model each"] = learn_each(settings, tasks, folder / "one-model-each")
        report["bounds"] = bounds
    report_sequence(settings.place(), report)


def check_flags(settings: SequenceSettings) -> None:
    """Raises an InputError if flags of any of the runs contradict each other: before the first run, not between two."""
    starts = [start_of(settings, settings.method, None)]
    if settings.method != ADAPTERS:
        starts.append(start_of(settings, settings.method, settings.place("the run before")))
    if settings.bounds:
        starts.append(start_of(settings, "none", None))
    for start in starts:
        read_settings_of_run([*start, "--train", "a table", "--output", str(settings.place("nothing"))])


def read_tasks(settings: SequenceSettings) -> list[SequenceTask]:
    """The tasks that the settings name. Raises InputError if one cannot be read, or there is only one."""
    columns = Columns(settings.text_column or "text", settings.text_pair_column, settings.label_column or "label")
    tasks = read_sequence(settings.tasks, columns, settings.examples, settings.seed, settings.shared_labels)
    if len(tasks) < 2:
        raise InputError(f"--tasks {settings.tasks[0]}: is one task; a sequence has two or more")
    return tasks


def learn_in_turn(
    settings: SequenceSettings, tasks: Sequence[SequenceTask], method: str, folder: Path
) -> dict[str, Any]:
    """Learns the tasks one after another. Returns the scores of each task after each task, and the seconds."""
    rows: list[list[Scores]] = []
    runs: list[Path] = []
    seconds = 0.0
    for number, task in enumerate(tasks, start=1):
        flags = start_of(settings, method, runs[-1] if runs else None)
        runs.append(folder / f"{number}-{task.name}")
        seconds += report_of(runs[-1], [*files_of(settings, task), *flags])["training_seconds"]
        if method == ADAPTERS:
            rows.append(scores_of_adapters(settings, runs, tasks))
        else:
            rows.append(scores_of_run(runs[-1], settings.checkpoint, tasks))
    by_setting = {setting: [[scores[setting] for scores in row] for row in rows] for setting in SETTINGS}
    return by_setting | {"seconds": round(seconds, 1)}


def scores_of_adapters(settings: SequenceSettings, runs: Sequence[Path], tasks: Sequence[SequenceTask]) -> list[Scores]:
    """The scores of all adapters so far, each loaded anew for its own task: which task it is must be known."""
    found = [scores_of_run(run, settings.checkpoint, [task])[0] for run, task in zip(runs, tasks)]
    return [NOT_MEASURED | {"known": scores["known"]} for scores in found] + [NOT_MEASURED] * (len(tasks) - len(runs))


def learn_at_once(settings: SequenceSettings, tasks: Sequence[SequenceTask], run: Path) -> dict[str, Any]:
    """Learns all tasks in one run. Returns the scores of each task, and the seconds."""
    flags = [*files_of(settings, all_at_once(tasks)), *start_of(settings, "none", None)]
    seconds = report_of(run, flags)["training_seconds"]
    found = scores_of_run(run, settings.checkpoint, tasks)
    return {setting: [scores[setting] for scores in found] for setting in SETTINGS} | {"seconds": seconds}


def learn_each(settings: SequenceSettings, tasks: Sequence[SequenceTask], folder: Path) -> dict[str, Any]:
    """Learns each task in a model of its own. Returns the scores of each task, which is known, and the seconds."""
    scores, seconds = [], 0.0
    for task in tasks:
        flags = [*files_of(settings, task), *start_of(settings, "none", None)]
        seconds += report_of(folder / task.name, flags)["training_seconds"]
        scores.append(scores_of_run(folder / task.name, settings.checkpoint, [task])[0]["known"])
    return {"known": scores, "seconds": round(seconds, 1)}


def files_of(settings: SequenceSettings, task: SequenceTask) -> list[str]:
    """Writes a task's files, always the same ones. Returns the flags that name them."""
    return task.write(settings.place("data", task.name))


def start_of(settings: SequenceSettings, method: str, previous: Path | None) -> list[str]:
    """The flags of a run of the sequence, but for its files: with what it starts, and how it keeps the old.

    Args:
        previous: the run that it goes on from. None: it starts from the checkpoint.
    """
    every = ["--seed", str(settings.seed), *settings.others]
    first = [*settings.of_first, "--checkpoint", settings.checkpoint]
    if method == ADAPTERS:
        return ["--adapt", "lora", *settings.of_adapters, *every, *first]
    # A bound is trained without what the method needs.
    of_method, of_later = (settings.of_method, settings.of_later) if method == settings.method else ([], [])
    if previous is None:
        keeps = [] if method in ("none", "lwf") else ["--method", method, *of_method]  # something for the next run
        return [*every, *keeps, *first]
    known = ["--task-known"] if settings.task_known else []
    return [*every, "--continue-from", str(previous), "--method", method, *of_method, *of_later, *known]


if __name__ == "__main__":
    raise SystemExit(main())
