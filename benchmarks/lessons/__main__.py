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
import hashlib
import os
import platform
import shutil
import sys
from pathlib import Path

import torch

from benchmarks.lessons.corpus import write_texts
from benchmarks.lessons.lesson import MINUTES, UPDATES, Lesson
from benchmarks.lessons.plan import Budget, check, same_updates
from benchmarks.lessons.questions import LESSONS
from benchmarks.lessons.rows import TABLE, Found, Row, read_table, write_row
from benchmarks.lessons.runs import Machine, Texts, of_vocabulary, vocabulary_of
from benchmarks.lessons.tables import table_of
from benchmarks.lessons.trainer import Trainer, best_rate
from benchmarks.lessons.write import write_documents
from benchmarks.trials import in_a_process_of_its_own
from bert.errors import InputError
from bert.files.reading import require_file
from bert.files.terminal import orderly
from bert.files.whole import lock_directory, write_atomically
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
        rows = read_table(given.output / TABLE)
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
    first = [each.parts[0].flags for lesson in lessons.values() for each in lesson.contestants]
    for choice in sorted({" ".join(of_vocabulary(flags)[0]) for flags in first}):
        in_a_process_of_its_own(vocabulary_of, size, choice, texts)
    chosen = trainer.choose_rates(lessons)
    jobs = trainer.jobs_of(lessons, chosen, given.seeds)
    results = trainer.results([job for row in jobs.values() for seeds in row for job in seeds])
    for name, lesson in lessons.items():
        found = []
        for contestant, of_seeds in zip(lesson.contestants, jobs[name], strict=True):
            tried = chosen.get((name, contestant.name), {})
            found.append(Found(
                contestant.name,
                [flags or part.flags for (_, flags), part in zip(of_seeds[0].parts, contestant.parts, strict=True)],
                of_seeds[0].updates, [results[job] for job in of_seeds], best_rate(tried),
                {f"{rate:g}": loss if loss < float("inf") else None for rate, loss in tried.items()} or None,
            ))  # fmt: skip
        is_same = same_updates(lesson, budget)
        amount = found[0].updates if is_same else given.minutes
        write_row(given.output / TABLE, Row(
            name, size, UPDATES if is_same else MINUTES, amount, given.seeds, found, machine_in_words(budget.machine),
            datetime.date.today().isoformat(),
        ))  # fmt: skip


def texts_of(given: argparse.Namespace) -> Texts:
    """The texts that the flags name. Those of the built-in corpus are written into the output directory."""
    for path in (*(given.corpus or []), *(given.task or [])):
        require_file(path)
    if given.corpus is not None:
        corpus, (train, dev) = tuple(given.corpus), given.task or (None, None)
    else:
        written = write_texts(given.output / "texts")
        corpus, (train, dev) = (str(written.corpus),), given.task or (str(written.train), str(written.dev))
    refuse_other_texts(given.output, [path for path in (*corpus, train, dev) if path is not None])
    return Texts(corpus, train, dev, str(given.output))


def refuse_other_texts(output: Path, paths: list[str]) -> None:
    """Raises an InputError if the directory's results are of other texts. Notes the texts if it has none."""
    digest = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    note = output / "texts.sha256"
    if not note.exists():
        write_atomically(note, f"{digest.hexdigest()}\n")
    elif note.read_text(encoding="utf-8").strip() != digest.hexdigest():
        raise InputError(f"{output}: holds results of other texts, which do not compare; name another --output")


def machine_in_words(machine: Machine) -> str:
    """What the trainings ran on."""
    processor = platform.processor() or platform.machine()
    path = Path("/proc/cpuinfo")
    if path.exists():
        names = [line.split(":", 1)[1] for line in path.read_text().splitlines() if line.startswith("model name")]
        processor = names[0].strip() if names else processor
    place = processor if machine.device == "cpu" else f"{machine.device} beside {processor}"
    return (
        f"{place}, trainings at once: {machine.at_once}, threads of each: {machine.threads}, precision "
        f"{machine.precision}, torch {torch.__version__}"
    )


if __name__ == "__main__":
    raise SystemExit(main())
