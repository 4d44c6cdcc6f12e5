"""The settings of a search: its flags, and those of its trials."""

import argparse
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from bert.errors import InputError
from bert.files.json_objects import read_json_object
from bert.training.flags import positive
from bert.training.flags import seed as seed_number
from finetuning.child_runs import by_flag
from finetuning.continuing_flags import flag
from finetuning.flags import make_parser as make_parser_of_runs
from finetuning.search_space import AROUND_THE_GRID, PAPERS_GRID, Range, Space, read_space

METHODS = ("grid", "random", "tpe")
DECIDED = ("resume", "compare", "measure_test", "stop_if_worse", "eval_every", "zero_shot")  # by the command
TRIALS = 20
MAY_CHANGE = ("trials", "seeds", "keep_all")


@dataclass(frozen=True)
class SearchSettings:
    """The command's flags, and those of all trials."""

    output: str
    method: str
    space: list[str]
    trials: int | None  # None: all of the grid
    seed: int
    seeds: int
    prune: bool
    keep_all: bool
    others: list[str]  # flags of train_finetune.py

    def place(self, *names: str) -> Path:
        """A folder or a file in the output."""
        return Path(self.output, *names)

    @property
    def of_trials(self) -> list[str]:
        """The flags of all trials. None of them reads the test set."""
        return [*self.others, "--no-compare", "--seed", str(self.seed), "--no-measure-test"]

    def of_repeat(self, seed: int) -> list[str]:
        """The flags of a run at the end. It reads the test set if there is one."""
        return [*self.others, "--no-compare", "--seed", str(seed)]


def make_parser(description: str | None) -> argparse.ArgumentParser:
    """The command's own flags."""
    parser = argparse.ArgumentParser(
        "python -m finetuning.search", description=description, formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )  # fmt: skip
    add = parser.add_argument
    add("--output", default="runs/search", metavar="DIR", help="the directory of all trials (%(default)s)")
    add("--space", nargs="+", action="extend", metavar="FLAG=VALUES",
        help="learning-rate=1e-5..5e-4:log batch-size=16,32 epochs=2..5 (the paper's grid)")  # fmt: skip
    add("--method", choices=METHODS, help="(grid if the space is all lists, else random); tpe needs optuna")
    add("--trials", type=positive, metavar="N", help=f"the first one has the usual settings ({TRIALS}; of a grid: all)")
    add("--seed", type=seed_number, default=0, metavar="N", help="of the draws and of all trials (%(default)s)")
    add("--seeds", type=positive, default=3, metavar="N",
        help="runs of the best and of the usual settings at the end, from the next seeds (%(default)s)")  # fmt: skip
    add("--prune", action=argparse.BooleanOptionalAction, default=True,
        help="stop a trial at the end of an epoch if it is worse than the median of the others (yes)")  # fmt: skip
    add("--keep-all", action="store_true", help="keep the weights of all trials, not only the best one's")
    return parser


def read_settings(own: argparse.Namespace, others: list[str]) -> tuple[SearchSettings, Space]:
    """The settings, and the space of the search.

    Raises:
        InputError: if a flag is none, if the command decides it, or if the method cannot search the space.
    """
    runs = make_parser_of_runs(None)
    runs.parse_args(others)  # says what is no flag
    for group in by_flag(others):
        name = next(iter(vars(runs.parse_args(group))), None)
        if name in DECIDED:
            raise InputError(f"{group[0]}: the command decides it for each trial; leave it out")
    given = own.space or (AROUND_THE_GRID if own.method in ("random", "tpe") else PAPERS_GRID)
    space = read_space(given)
    has_ranges = any(isinstance(part, Range) for part in space)
    method = own.method or ("random" if has_ranges else "grid")
    if method == "tpe" and importlib.util.find_spec("optuna") is None:
        raise InputError(
            "--method tpe needs optuna, which is not installed: pip install optuna; or use --method random"
        )
    trials = own.trials if own.trials is not None or method == "grid" else TRIALS
    settings = SearchSettings(
        own.output, method, list(given), trials, own.seed, own.seeds, own.prune, own.keep_all, others
    )
    return settings, space


def check_same(settings: SearchSettings, path: Path) -> None:
    """Compares the settings with those of a search that was begun.

    Raises:
        InputError: if others than MAY_CHANGE and the directory's name have changed.
    """
    before = read_json_object(path).get("search")
    if not isinstance(before, dict):
        raise InputError(f"{path}: holds no search; put back the file, or name another --output")
    for name, value in vars(settings).items():
        if name not in (*MAY_CHANGE, "output") and before.get(name) != value:
            what = "further flags" if name == "others" else flag(name)
            raise InputError(
                f"{settings.output} was begun with other {what}: {before.get(name)}; give the same, or name another "
                f"--output"
            )
