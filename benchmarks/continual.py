"""Tasks one after another: how much each method keeps, beside training without one, all at once, and a model for each.

    BERT_DATA=path/to/the/data python -m benchmarks.continual --checkpoint runs/base --json continual.json
    python -m benchmarks.continual --methods "one after another" "replay 10 %" --orders 1 --seeds 1 --epochs 1 ...

The tasks are SST-2, MRPC, CoLA and RTE, from the folder that the environment variable BERT_DATA names, and the built-in
task. The second order is the first one backwards. Of each task a seed draws ``--examples``, the same for all methods.
Every model is measured on the tasks' dev sets: with the task unknown (the best of all labels) and known (the best of
the task's own labels). A model for each task, or an adapter, needs to know the task.

Adapters train with their own learning rate, all else with ``--learning-rate``. Trained parameters and bytes are what
the sequence leaves behind to predict and to go on with: the last run's, or those of all adapters or models. Seconds
count training alone. The memory is the largest resident set of a training process.

A finished trial goes to the --json file, and a trial that is there is not run again.
"""

import argparse
import contextlib
import math
import os
import resource
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from safetensors import safe_open

from benchmarks.trials import in_a_process_of_its_own, results_of
from bert.continual.matrix import measure
from finetuning.sequence import learn_at_once, learn_each, learn_in_turn, read_tasks
from finetuning.sequence_scores import SETTINGS
from finetuning.sequence_settings import ADAPTERS, make_parser, read_settings

FOLDERS = {"sst2": "glue/SST-2", "mrpc": "glue/MRPC", "cola": "glue/CoLA", "rte": "glue/RTE", "library": None}
AT_ONCE, EACH = "all at once", "one model each"
METHODS = {
    "one after another": ["none"],
    "replay 1 %": ["replay", "--keep", "0.01"],
    "replay 10 %": ["replay", "--keep", "0.1"],
    "A-GEM 10 %": ["agem", "--keep", "0.1"],
    "EWC": ["ewc"],
    "LwF": ["lwf"],
    "adapters": [ADAPTERS],
    AT_ONCE: ["none"],
    EACH: ["none"],
}


@dataclass(frozen=True)
class Trial:
    """All that a result depends on, but for the code."""

    method: str
    tasks: tuple[str, ...]  # in order
    seed: int
    checkpoint: str
    examples: int
    epochs: int
    max_length: int
    batch_size: int
    learning_rate: float
    precision: str


@dataclass(frozen=True)
class Result:
    """What a trial gave. A score that a method cannot have is None."""

    scores: dict[str, list]  # by setting: of each task after each task; of a bound, of each task
    average_accuracy: dict[str, float | None]  # by setting
    forgetting: dict[str, float | None]
    trained_parameters: int
    seconds: float
    peak_megabytes: float
    saved_megabytes: float


def run_trial(trial: Trial) -> Result:
    """Learns the tasks of a trial by its method."""
    with tempfile.TemporaryDirectory() as directory, contextlib.redirect_stdout(sys.stderr):
        settings = read_settings(*make_parser(None).parse_known_args(command_line(trial, directory)))
        tasks, folder = read_tasks(settings), Path(directory, "runs")
        if trial.method == AT_ONCE:
            found, runs = learn_at_once(settings, tasks, folder), [folder]
        elif trial.method == EACH:
            found, runs = learn_each(settings, tasks, folder), sorted(folder.iterdir())
        else:
            found = learn_in_turn(settings, tasks, settings.method, folder)
            runs = [folder / f"{number}-{task.name}" for number, task in enumerate(tasks, start=1)]
            runs = runs if trial.method == ADAPTERS else runs[-1:]
        averages, forgetting = measures_of(found)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        return Result(
            {setting: without_nan(found[setting]) for setting in SETTINGS if setting in found}, averages, forgetting,
            sum(map(parameters_in, runs)), found["seconds"], round(peak), round(sum(map(bytes_in, runs)) / 1e6, 3),
        )  # fmt: skip


def command_line(trial: Trial, output: str) -> list[str]:
    """The flags of ``finetuning.sequence`` for a trial."""
    data = os.environ.get("BERT_DATA", "")
    texts = [task if FOLDERS[task] is None else f"{task}={Path(data, FOLDERS[task])}" for task in trial.tasks]
    flags = {
        "--examples": trial.examples, "--seed": trial.seed, "--checkpoint": trial.checkpoint, "--output": output,
        "--epochs": trial.epochs, "--max-length": trial.max_length, "--batch-size": trial.batch_size,
        "--precision": trial.precision,
    }  # fmt: skip
    if trial.method != ADAPTERS:
        flags["--learning-rate"] = trial.learning_rate
    spelled = [str(part) for flag in flags.items() for part in flag]
    return ["--tasks", *texts, "--method", *METHODS[trial.method], *spelled]


def measures_of(found: dict) -> tuple[dict[str, float | None], dict[str, float | None]]:
    """(average accuracy, forgetting) by setting; None if there is none."""
    averages: dict[str, float | None] = {}
    forgetting: dict[str, float | None] = {}
    for setting in SETTINGS:
        scores = np.array(found.get(setting, [math.nan]))
        measured = measure(scores) if scores.ndim == 2 else None
        averages[setting] = without_nan(measured.average_accuracy if measured else float(scores.mean()))
        forgetting[setting] = without_nan(measured.forgetting) if measured else None
    return averages, forgetting


def without_nan(value):
    """None for NaN, in nested lists too."""
    if isinstance(value, list):
        return [without_nan(each) for each in value]
    return None if math.isnan(value) else value


def weights_of(run: Path) -> Path:
    """The weights that a run saved: an adapter's, or the whole model's."""
    return next(path for name in ("adapter_model", "model") if (path := run / f"{name}.safetensors").exists())


def parameters_in(run: Path) -> int:
    """How many parameters a run trained: those that it saved."""
    with safe_open(weights_of(run), "np") as file:
        return sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118 (not a dictionary)


def bytes_in(run: Path) -> int:
    """The bytes of a run's weights, and of what it keeps for the runs that go on from it."""
    return sum(path.stat().st_size for path in run.iterdir() if path.suffix == ".safetensors" or path.stem == "buffer")


# ---- the table --------------------------------------------------------------------------------------------


def trials_of(options: argparse.Namespace) -> list[Trial]:
    """All trials, method by method."""
    orders = (tuple(options.tasks), tuple(reversed(options.tasks)))[: options.orders]
    return [
        Trial(method, order, seed, str(options.checkpoint), options.examples, options.epochs, options.max_length,
              options.batch_size, options.learning_rate, options.precision)
        for method in options.methods
        # Without an order there is nothing to turn round.
        for order in (orders[:1] if method in (AT_ONCE, EACH) else orders)
        for seed in range(options.seeds)
    ]  # fmt: skip


def print_table(results: dict[Trial, Result]) -> None:
    """A line for each method: mean and standard deviation over orders and seeds, in points."""
    columns = ("average", "forgetting")
    print(f"\n{'':19}{'':6}{'task unknown':^26}{'task known':^26}")
    print(
        f"{'':19}{'runs':>6}" + "".join(f"{name:>13}" for name in columns * 2)
        + f"{'trained':>14}{'seconds':>9}{'peak MB':>9}{'saved MB':>10}"
    )  # fmt: skip
    groups: dict[str, list[Result]] = {}
    for trial, result in results.items():
        groups.setdefault(trial.method, []).append(result)
    for method, group in groups.items():
        cells = [
            in_points([getattr(result, name)[setting] for result in group])
            for setting in SETTINGS
            for name in ("average_accuracy", "forgetting")
        ]
        seconds, peak = (
            statistics.mean(getattr(each, name) for each in group) for name in ("seconds", "peak_megabytes")
        )
        print(
            f"{method:19}{len(group):6}{''.join(f'{cell:>13}' for cell in cells)}{group[0].trained_parameters:14,}"
            f"{seconds:9,.0f}{peak:9,.0f}{group[0].saved_megabytes:10,.1f}"
        )


def in_points(values: Sequence[float | None]) -> str:
    """Mean and standard deviation of fractions, in hundredths."""
    found = [100 * value for value in values if value is not None]
    if not found:
        return "-"
    spread = f" ± {statistics.stdev(found):.1f}" if len(found) > 1 else ""
    return f"{statistics.mean(found):.1f}{spread}"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--methods", nargs="+", choices=METHODS, default=list(METHODS), help="(all)")
    add("--tasks", nargs="+", choices=FOLDERS, default=list(FOLDERS), help="in the first order (all)")
    add("--orders", type=int, choices=(1, 2), default=2, help="the tasks in order, and backwards (2)")
    add("--seeds", type=int, default=3, help="draws of each: seeds 0, 1, ... (3)")
    add("--checkpoint", type=Path, default=Path("runs/pretrain"), help="(runs/pretrain)")
    add("--examples", type=int, default=2_000, help="of each task (2,000)")
    add("--epochs", type=int, default=3, help="over each task's examples (3)")
    add("--max-length", type=int, default=128, help="tokens (128)")
    add("--batch-size", type=int, default=32, help="examples (32)")
    add("--learning-rate", type=float, default=5e-5, help="of all but adapters (5e-5)")
    add("--precision", default="auto", help="of training and measuring (auto)")
    add("--json", type=Path, help="where results are kept, and found again")
    options = parser.parse_args(arguments)
    if any(FOLDERS[task] for task in options.tasks) and "BERT_DATA" not in os.environ:
        parser.error("the environment variable BERT_DATA is not set; it names the folder with the real text")
    measure = partial(in_a_process_of_its_own, run_trial)
    print_table(results_of(trials_of(options), case_of, measure, Result, options.json))


def case_of(trial: Trial) -> str:
    """The name of its row in the --json file."""
    return ", ".join(map(str, asdict(trial).values()))


if __name__ == "__main__":
    main()
