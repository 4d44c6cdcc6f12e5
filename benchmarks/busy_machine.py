"""How fast a small model trains beside another program that keeps a core busy.

    python -m benchmarks.busy_machine
    python -m benchmarks.busy_machine --seconds 30 --turns 1 --json results.json

The updates are the first command's: size tiny, 32 sequences of 64 random ids, without dropout. Each turn trains anew in
a process of its own, through the whole loop, with what the run needs to notice the other program. The other program
counts upwards. "All threads" and "one thread" set OMP_NUM_THREADS, so that the run does not choose. The rates are
medians of the turns. Nothing else should run meanwhile.
"""

import argparse
import contextlib
import itertools
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace

import torch

from benchmarks.measuring import HEADER, Turns, line, speed_row
from benchmarks.training_step import pretraining_batches
from bert.config import BertConfig
from bert.heads.pretraining import BertForPreTraining
from bert.training.allocation import keep_freed_memory
from bert.training.distributed import Processes
from bert.training.loop import train
from bert.training.run import assemble
from bert.training.schedule import Schedule
from bert.training.settings import TrainingSettings

BATCH_SIZE, LENGTH, VOCAB_SIZE = 32, 64, 6_000
CHOOSING, ALL, ONE = "the run chooses", "all threads", "one thread"
ALONE, BUSY = "alone", "one core busy"
# What each row compares: a turn, and the turn that it is set beside.
ROWS = (
    ((ALONE, CHOOSING), (ALONE, ALL)),
    ((BUSY, CHOOSING), (ALONE, CHOOSING)),
    ((BUSY, CHOOSING), (BUSY, ALL)),
    ((BUSY, CHOOSING), (BUSY, ONE)),
)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="of training in a turn")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--precision", choices=("auto", "fp32", "bf16"), default="auto")
    parser.add_argument("--json", type=Path, help="where to write the rows as well")
    given = parser.parse_args(arguments)
    print(
        f"{torch.get_num_threads()} threads, torch {torch.__version__}, {given.seconds:g} s a turn\n{HEADER}",
        flush=True,
    )
    turns = {turn: Turns() for row in ROWS for turn in row}
    for _ in range(given.turns):
        for load, threads in turns:
            with another_program() if load == BUSY else contextlib.nullcontext():
                rate = rate_of(threads, given.seconds, given.precision)
            turns[load, threads].seconds.append(1 / rate)  # of a token
    rows = rows_of(turns, given.precision)
    for row in rows:
        print(line(row))
    if given.json is not None:
        given.json.write_text(json.dumps(rows, indent=2) + "\n")


def rows_of(turns: dict[tuple[str, str], Turns], precision: str) -> list[dict]:
    """The rows of the table; ``turns`` holds seconds for a token."""
    return [
        speed_row(f"tiny, {' and '.join(ours)} / {' and '.join(theirs)}", precision, "tokens/s",
                  turns[ours], turns[theirs], amount=1)
        for ours, theirs in ROWS
    ]  # fmt: skip


@contextlib.contextmanager
def another_program() -> Iterator[subprocess.Popen]:
    """Inside the block a program computes without a pause, on one core at a time."""
    program = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield program
    finally:
        program.kill()
        program.wait()


def rate_of(threads: str, seconds: float, precision: str) -> float:
    """Tokens per second of a training in a new process, from its first update to its last."""
    number = {CHOOSING: None, ALL: torch.get_num_threads(), ONE: 1}[threads]
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(seconds, precision, theirs))
    before = os.environ.pop("OMP_NUM_THREADS", None)
    try:
        if number is not None:
            os.environ["OMP_NUM_THREADS"] = str(number)
        process.start()
    finally:
        os.environ.pop("OMP_NUM_THREADS", None)
        if before is not None:
            os.environ["OMP_NUM_THREADS"] = before
    theirs.close()
    rate = ours.recv()
    process.join()
    return rate


def _serve(seconds: float, precision: str, pipe: Connection) -> None:
    pipe.send(training_rate(seconds, precision))


def _silent(*lines: object) -> None:
    """Logs nothing: the table alone is printed."""


def training_rate(seconds: float, precision: str) -> float:
    """Trains the first command's model for so many seconds. Returns tokens per second."""
    keep_freed_memory()  # as the scripts do
    config = BertConfig.tiny(vocab_size=VOCAB_SIZE, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    batch, _ = pretraining_batches(config, BATCH_SIZE, LENGTH)
    updates = (SimpleNamespace(micro_batches=[batch], position=[0, step], examples="") for step in itertools.count(1))
    never = sys.maxsize
    schedule = Schedule(
        never, 1e-4, 0, report_every=never, eval_every=never, checkpoint_every=never, max_seconds=seconds
    )
    with tempfile.TemporaryDirectory() as folder:
        settings = TrainingSettings(folder, precision=precision)
        run = assemble(settings, BertForPreTraining(config), Processes(0, 1, torch.device("cpu")), _silent, {})
        train(run, updates, schedule, _silent, lambda: None, lambda: None)
        return run.progress.tokens / run.progress.seconds


if __name__ == "__main__":
    main()
