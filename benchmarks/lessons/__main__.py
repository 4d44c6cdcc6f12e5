"""Does it matter? Small trainings answer, with error bars: parts of BERT's recipe, one changed at a time.

    python -m benchmarks.lessons --only nsp dropout --minutes 1         # two lessons, three seeds each
    python -m benchmarks.lessons --minutes 3 --size tiny 4x128          # all of them, at two sizes
    python -m benchmarks.lessons --only muon --updates 2000             # by updates, not by minutes
    python -m benchmarks.lessons --show                                 # the table, of what there is
    python -m benchmarks.lessons --write                                # the table and the page in docs/

All trainings of a lesson read the same texts with the same seeds for the same minutes (or updates, if the lesson says
so). A training is a process of its own. What is finished is kept in the --output directory and not trained again, so
the command can be stopped and repeated, and --only adds lessons to the table.

Without --corpus the texts are the built-in corpus, less the documents that the first command holds out
(``benchmarks.lessons.corpus``). With it there is a task only if --task names its two files.
"""

import argparse
import datetime
import os
import platform
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks.lessons.corpus import write_texts
from benchmarks.lessons.lesson import MINUTES, UPDATES, Lesson
from benchmarks.lessons.plan import (
    Budget,
    Speeds,
    check,
    job_of,
    loss_to_tune,
    rates_of,
    same_updates,
    tuning_jobs,
)
from benchmarks.lessons.questions import LESSONS
from benchmarks.lessons.rows import Found, Row, read_table, write_row
from benchmarks.lessons.runs import Job, Machine, Result, Texts, train_and_measure, vocabulary_of
from benchmarks.lessons.tables import table_of
from benchmarks.lessons.write import write_documents
from benchmarks.trials import in_a_process_of_its_own, read_rows, results_of
from bert.errors import InputError
from bert.files.reading import require_file
from bert.files.terminal import orderly
from bert.files.whole import lock_directory
from bert.training.flags import above_zero, positive
from pretraining.recipes import checked_size


@orderly()
def main(arguments: list[str] | None = None) -> int:
    """Runs the command and returns its exit code: 0, 2 for bad input, 130 when interrupted."""
    try:
        given = make_parser().parse_args(arguments)
        if not (given.show or given.write):
            names = given.only or list(LESSONS)
            with lock_directory(given.output):
                for size in given.size:
                    train(given, size, {name: LESSONS[name] for name in names})
        rows = read_table(given.output)
        if not rows:
            raise InputError(f"{given.output}: holds no table; leave out --show and --write to train one")
        if given.write:
            write_documents(rows)
        else:
            print(table_of([row for row in rows if row.lesson in (given.only or LESSONS)]))
    except InputError as error:
        print(f"benchmarks.lessons: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("benchmarks.lessons: interrupted; what is finished is kept", file=sys.stderr)
        return 130
    return 0


def make_parser() -> argparse.ArgumentParser:
    """The flags of the command."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.lessons", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=LESSONS, metavar="NAME", help=f"{', '.join(LESSONS)} (all)")
    parser.add_argument("--minutes", type=above_zero, default=3.0, metavar="M", help="of each training (3)")
    parser.add_argument("--updates", type=positive, metavar="N", help="of each training, instead of minutes")
    parser.add_argument("--seeds", type=positive, default=3, metavar="N", help="trainings of each contestant (3)")
    parser.add_argument(
        "--size", type=checked_size, nargs="+", default=["tiny"], metavar="NAME", help="of the model (tiny)"
    )
    parser.add_argument("--corpus", nargs="+", metavar="FILE", help="other texts, a sentence per line")
    parser.add_argument("--task", nargs=2, metavar="FILE", help="labelled texts to train on, and to measure on")
    parser.add_argument("--output", type=Path, default=Path("runs/lessons"), metavar="DIR", help="(runs/lessons)")
    parser.add_argument("--threads", type=positive, default=1, metavar="N", help="of a training (1)")
    parser.add_argument("--at-once", type=positive, metavar="N", help="trainings at a time (one for each core)")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="cpu", help="(cpu)")
    parser.add_argument("--precision", choices=("auto", "fp32", "bf16", "fp16"), default="auto", help="(auto)")
    parser.add_argument("--show", action="store_true", help="print the table of what is finished; train nothing")
    parser.add_argument("--write", action="store_true", help="put it into docs/lessons.md and docs/lessons.html")
    return parser


def train(given: argparse.Namespace, size: str, lessons: dict[str, Lesson]) -> None:
    """Trains what is missing of some lessons at a size, and adds them to the table."""
    for name, lesson in lessons.items():
        check(lesson, name, size)
    texts = texts_of(given)
    shutil.rmtree(Path(texts.directory, "unfinished"), ignore_errors=True)  # of a command that was killed
    os.environ["OMP_NUM_THREADS"] = str(given.threads)  # of the processes to come
    at_once = given.at_once or max(1, (os.cpu_count() or 1) // given.threads)
    budget = Budget(size, given.minutes, given.updates, Machine(given.device, given.precision, given.threads, at_once))
    trainer = Trainer(budget, texts)
    for flags in {part.flags for lesson in lessons.values() for each in lesson.contestants for part in each.parts[:1]}:
        in_a_process_of_its_own(vocabulary_of, size, flags, texts)
    chosen = trainer.choose_rates(lessons)
    jobs = {name: trainer.jobs_of(name, lesson, chosen, given.seeds) for name, lesson in lessons.items()}
    results = trainer.results([job for row in jobs.values() for seeds in row for job in seeds])
    for name, lesson in lessons.items():
        found = []
        for contestant, of_seeds in zip(lesson.contestants, jobs[name], strict=True):
            tried = chosen.get((name, contestant.rate_of or contestant.name), {})
            found.append(Found(
                contestant.name,
                [flags or part.flags for (_, flags), part in zip(of_seeds[0].parts, contestant.parts, strict=True)],
                of_seeds[0].updates, [results[job] for job in of_seeds], best_rate(tried),
                {f"{rate:g}": loss if loss < float("inf") else None for rate, loss in tried.items()} or None,
            ))  # fmt: skip
        is_same = same_updates(lesson, budget)
        amount = found[0].updates if is_same else given.minutes
        write_row(given.output, Row(
            name, size, UPDATES if is_same else MINUTES, amount, given.seeds, found, machine_in_words(budget.machine),
            datetime.date.today().isoformat(),
        ))  # fmt: skip


Tried = dict[float, float]  # learning rates and their held-out losses


def best_rate(tried: Tried) -> float | None:
    """The learning rate with the lowest loss; None if none was tried."""
    return min(tried, key=lambda rate: tried[rate]) if tried else None


class Trainer:
    """Trains jobs, and keeps their results in a file."""

    def __init__(self, budget: Budget, texts: Texts):
        self._budget, self._texts = budget, texts
        self._speeds = Speeds(budget, texts, log)
        self._file = Path(texts.directory, "results.json")

    def choose_rates(self, lessons: dict[str, Lesson]) -> dict[tuple[str, str], Tried]:
        """What the learning rates gave on another seed, by the names of lesson and contestant."""
        jobs = {
            (name, contestant.name, rate): job
            for name, lesson in lessons.items()
            for contestant, rate, job in tuning_jobs(lesson, self._budget, self._speeds)
        }
        results = self.results(list(jobs.values()))
        found: dict[tuple[str, str], Tried] = {}
        for (name, contestant, rate), job in jobs.items():
            found.setdefault((name, contestant), {})[rate] = loss_to_tune(results[job])
        return found

    def jobs_of(self, name: str, lesson: Lesson, chosen: dict[tuple[str, str], Tried], seeds: int) -> list[list[Job]]:
        """The trainings of each contestant, seed by seed."""
        found = []
        for each in lesson.contestants:
            rates = rates_of(each, self._budget)
            rate = rates[0] if len(rates) == 1 else best_rate(chosen.get((name, each.rate_of or each.name), {}))
            job = job_of(lesson, each, 0, self._budget, self._speeds, rate)
            found.append([replace(job, seed=seed) for seed in range(seeds)])
        return found

    def results(self, jobs: list[Job]) -> dict[Job, Result]:
        """The result of each job, from the file or trained now."""
        known = read_rows(self._file)
        missing = [job for job in dict.fromkeys(jobs) if job.case not in known]
        started, done = time.perf_counter(), 0
        if missing:
            log(f"{len(missing)} trainings, {self._budget.machine.at_once} at a time. What is finished is kept.")

        def measure(job: Job) -> Result:
            nonlocal done
            result = in_a_process_of_its_own(train_and_measure, job, self._texts)
            done += 1
            left = (time.perf_counter() - started) / done * (len(missing) - done)
            log(f"{done} of {len(missing)}, about {left / 60:,.0f} min left: {job.case}: {in_short(result)}")
            return result

        return results_of(jobs, lambda job: job.case, measure, Result, self._file, self._budget.machine.at_once)


def in_short(result: Result) -> str:
    """A result in a few words."""
    if result.failed is not None:
        return "failed, its loss was not finite"
    loss = loss_to_tune(result)
    task = "" if result.task_accuracy is None else f", task {result.task_accuracy:.1%}"
    return f"held-out loss {loss:.3f}{task}, {result.seconds:,.0f} s"


def texts_of(given: argparse.Namespace) -> Texts:
    """The texts that the flags name. Those of the built-in corpus are written into the output directory."""
    for path in (*(given.corpus or []), *(given.task or [])):
        require_file(path)
    if given.corpus is not None:
        train, dev = given.task or (None, None)
        return Texts(tuple(given.corpus), train, dev, str(given.output))
    corpus, train, dev = map(str, write_texts(given.output / "texts"))
    train, dev = given.task or (train, dev)
    return Texts((corpus,), train, dev, str(given.output))


def machine_in_words(machine: Machine) -> str:
    """What the trainings ran on."""
    processor = platform.processor() or platform.machine()
    path = Path("/proc/cpuinfo")
    if path.exists():
        names = [line.split(":", 1)[1] for line in path.read_text().splitlines() if line.startswith("model name")]
        processor = names[0].strip() if names else processor
    place = processor if machine.device == "cpu" else f"{machine.device} beside {processor}"
    return (
        f"{place}, {machine.at_once} trainings at once with {machine.threads} threads each, precision "
        f"{machine.precision}, torch {torch.__version__}"
    )


def log(line: str) -> None:
    """Prints progress."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
