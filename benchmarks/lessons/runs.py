"""A training of a lesson: from its flags to what it learned. Each has a process of its own.

texts -> a vocabulary and tokens, once for all -> train_pretrain.py, part by part -> measured -> train_finetune.py
"""

import shutil
import tempfile
from argparse import ArgumentParser
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import train_finetune
import train_pretrain
from benchmarks.lessons.measures import measure
from bert.errors import InputError
from bert.training.reporting import read_log
from pretraining.recipes import recipe_of_size
from pretraining.settings import PretrainingSettings, read_settings

EVALUATIONS, REPORTS = 10, 100  # of a run, on its way
EVALUATION_EXAMPLES = 500  # held out, of such an evaluation
NOT_FINITE = "is not a finite number"  # in the sentence with which a run ends
# The task's recipe, the same for all: the one of the built-in task (finetuning.settings.BUILT_IN), an epoch shorter.
TASK_RECIPE = ["--learning-rate", "3e-4", "--epochs", "3", "--no-compare", "--no-text"]


@dataclass(frozen=True)
class Machine:
    """What all trainings of a table share, besides their texts."""

    device: str
    precision: str
    threads: int
    at_once: int

    def __str__(self) -> str:
        return f"{self.device}, {self.precision}, {self.threads} threads, {self.at_once} at once"


@dataclass(frozen=True)
class Texts:
    """What all trainings read, and where they work."""

    corpus: tuple[str, ...]
    train: str | None  # of the task; None: it is not measured
    dev: str | None
    directory: str  # vocabularies and tokens are kept there, and unfinished runs


@dataclass(frozen=True)
class Job:
    """All that a result depends on, but for the texts and the code."""

    size: str
    parts: tuple[tuple[int, str], ...]  # of each: the update at its end, and its flags
    seed: int
    machine: Machine
    task: bool = False  # measure the task, too

    @property
    def updates(self) -> int:
        return self.parts[-1][0]

    @property
    def case(self) -> str:
        """The job as a line."""
        ways = "; then ".join(f"to update {end:,}: {flags or 'as by default'}" for end, flags in self.parts)
        task = "; and the task" if self.task else ""
        return f"{with_recipe(self.size)}, seed {self.seed}, {self.machine}, {ways}{task}"


@dataclass(frozen=True)
class Result:
    """What a training gave. A measure that it cannot have is None.

    Losses are means in nats, on the same held-out examples for all trainings with a vocabulary.
    """

    failed: str | None = None  # the sentence with which it ended: its loss was not finite
    seconds: float | None = None  # of training alone
    parameters: int | None = None
    pairs_loss: float | None = None  # masked language model, 15 % masked, on sentence pairs
    pairs_accuracy: float | None = None
    single_loss: float | None = None  # on single segments
    single_accuracy: float | None = None
    longer_loss: float | None = None  # on single segments of four times the length
    byte_loss: float | None = None  # on single segments, by the bytes of the masked pieces
    next_sentence_accuracy: float | None = None
    next_token_loss: float | None = None
    task_accuracy: float | None = None
    heard: str = ""  # which loss the curve has, and on which examples
    curve: list[list[float]] = field(default_factory=list)  # update and held-out loss, from the log


def settings_of(flags: list[str]) -> PretrainingSettings:
    """The settings of a run of train_pretrain.py with these flags. Raises an InputError if they are wrong."""
    return read_settings([*flags, "--output", "runs/of-no-run-yet"])


def with_recipe(size: str) -> str:
    """A size and its recipe, on which all flags build. So no result is taken for one of a later recipe.

    The recipe's updates are left out, since each training has its own.
    """
    recipe = {name: value for name, value in recipe_of_size(size).items() if name != "max_steps"}
    return f"{size} ({', '.join(f'{name} {value}' for name, value in recipe.items())})"


def changed_by(flags: str, size: str) -> dict[str, Any]:
    """The settings that flags change, beside those of the size. Empty: all is as by default.

    >>> changed_by("--optimizer muon --objective next-token --no-nsp --objective masked", "tiny")
    {'nsp': False}
    """
    usual, given = (vars(settings_of(["--size", size, *more])) for more in ([], flags.split()))
    return {name: value for name, value in given.items() if value != usual[name]}


def of_vocabulary(flags: str) -> tuple[list[str], list[str]]:
    """The flags that choose a vocabulary, and the others."""
    parser = ArgumentParser(allow_abbrev=False)
    parser.add_argument("--vocab-size")
    found, others = parser.parse_known_args(flags.split())
    return [] if found.vocab_size is None else ["--vocab-size", found.vocab_size], others


def vocabulary_of(size: str, flags: str, texts: Texts) -> Path:
    """The directory of a vocabulary, and of the texts' tokens in ``shards``. It is made if it is not there."""
    choice, _ = of_vocabulary(flags)
    directory = Path(texts.directory, "vocabularies", "".join([size, *choice]))
    if not (directory / "config.json").exists():  # the run writes it last
        shutil.rmtree(directory, ignore_errors=True)
        _run(train_pretrain, [
            "--size", size, *choice, "--corpus", *texts.corpus, "--output", directory, "--max-steps", 1,
            "--eval-examples", 1, "--workers", 1, "--device", "cpu",
        ], Path(texts.directory, "vocabulary.txt"))  # fmt: skip
    return directory


def command_lines(job: Job, texts: Texts, run: Path) -> list[list[str]]:
    """The arguments of train_pretrain.py for each part of a job."""
    vocabulary = vocabulary_of(job.size, job.parts[0][1], texts)
    end = job.updates
    lines = []
    for number, (last, flags) in enumerate(job.parts):
        if number == 0:
            line = [
                "--size", job.size, "--corpus", *texts.corpus, "--vocab", vocabulary, "--shards", vocabulary / "shards",
                "--workers", 1, "--seed", job.seed, "--device", job.machine.device, "--precision",
                job.machine.precision, *of_vocabulary(flags)[1], "--output", run, "--checkpoint-every", end,
                "--eval-every", max(1, end // EVALUATIONS), "--eval-examples", EVALUATION_EXAMPLES,
                "--report-every", max(1, end // REPORTS),
            ]  # fmt: skip
        else:
            line = ["--output", run, "--resume", *flags.split()]
        line += ["--max-steps", last, *(["--schedule-to", end] if number == 0 and last < end else [])]
        lines.append([str(part) for part in line])
    return lines


def train_and_measure(job: Job, texts: Texts) -> Result:
    """Trains a model and measures it. Only a loss that is not finite is a result; other errors are raised."""
    with unfinished(texts) as directory:
        run, said = Path(directory, "run"), Path(directory, "said.txt")
        try:
            for line in command_lines(job, texts, run):
                _run(train_pretrain, line, said)
        except InputError as error:
            if NOT_FINITE in str(error):
                return Result(failed=str(error))
            raise
        log = read_log(run / "log.jsonl")
        vocabulary = vocabulary_of(job.size, job.parts[0][1], texts)
        length = settings_of(["--size", job.size]).max_length
        found = measure(run, vocabulary / "shards", length, job.machine.device)
        found |= {"seconds": training_seconds(log)} | curve_of(log, _examples_of(run))
        if job.task and texts.train is not None and texts.dev is not None:
            found["task_accuracy"] = learn_task(job, texts, run, Path(directory, "task"), said)
    return Result(**found)


def learn_task(job: Job, texts: Texts, run: Path, output: Path, said: Path) -> float | None:
    """The accuracy of a run's model on the task, after the last epoch; None if its loss was not finite."""
    try:
        _run(train_finetune, [
            "--train", texts.train, "--dev", texts.dev, "--checkpoint", run, "--output", output, "--seed", job.seed,
            "--device", job.machine.device, "--precision", job.machine.precision, *TASK_RECIPE,
        ], said)  # fmt: skip
    except InputError as error:
        if NOT_FINITE in str(error):
            return None
        raise
    return [line["dev_accuracy"] for line in read_log(output / "log.jsonl") if "dev_accuracy" in line][-1]


def unfinished(texts: Texts) -> tempfile.TemporaryDirectory[str]:
    """A directory that goes at the end of its block. If the process is killed, the next command removes it."""
    place = Path(texts.directory, "unfinished")
    place.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(dir=place)


def seconds_per_update(job: Job, texts: Texts) -> float:
    """How long an update takes, of a job of one part: the median of its reports but the first."""
    with unfinished(texts) as directory:
        run = Path(directory, "run")
        line = command_lines(job, texts, run)[0]
        line += ["--report-every", str(max(1, job.updates // 10)), "--eval-every", str(job.updates)]
        _run(train_pretrain, [*line, "--eval-examples", "1"], Path(directory, "said.txt"))
        times = update_times(read_log(run / "log.jsonl"))[1:]
    return sorted(times)[len(times) // 2]


def update_times(log: list[dict[str, Any]]) -> list[float]:
    """The seconds of an update in each report, without evaluations and checkpoints."""
    reports = [{"step": 0, "tokens": 0}, *(line for line in log if "tokens_per_second" in line)]
    return [
        (now["tokens"] - before["tokens"]) / now["tokens_per_second"] / (now["step"] - before["step"])
        for before, now in pairwise(reports)
    ]


def training_seconds(log: list[dict[str, Any]]) -> float:
    """The seconds of all updates."""
    steps = [0, *(line["step"] for line in log if "tokens_per_second" in line)]
    return sum(time * (now - before) for time, (before, now) in zip(update_times(log), pairwise(steps)))


def curve_of(log: list[dict[str, Any]], examples: str) -> dict[str, Any]:
    """The held-out losses of a log, with their updates, and their name. Losses of one name may be compared."""
    names = [name for line in log for name in line if name.startswith("heldout_") and name.endswith("_loss")]
    name = next((name for name in reversed(names) if "next_sentence" not in name), "")
    curve = [[line["step"], line[name]] for line in log if name in line and line[name] is not None]
    return {"heard": f"{name.removeprefix('heldout_').removesuffix('_loss')}, {examples}", "curve": curve}


def _examples_of(run: Path) -> str:
    """What the examples of a run's own evaluations depend on."""
    settings = read_settings(["--output", str(run), "--resume"])
    kind = "pairs" if settings.nsp else "single segments"
    words = ", whole words" if settings.whole_word_masking else ""
    return f"{kind} of {settings.max_length} tokens{words}, vocabulary {Path(str(settings.vocab)).name}"


def _run(script: Any, flags: list, said: Path) -> None:
    """Runs a script to its end. What it prints goes to a file.

    Raises:
        InputError: if it fails, with its last line.
        KeyboardInterrupt: if it was interrupted.
    """
    with said.open("a", encoding="utf-8") as file, redirect_stdout(file), redirect_stderr(file):
        status = script.main([str(flag) for flag in flags])
    if status == 130:
        raise KeyboardInterrupt
    if status != 0:
        last = said.read_text(encoding="utf-8").strip().split("\n")[-1]
        raise InputError(f"{script.__name__}.py {' '.join(map(str, flags))} failed: {last}")
