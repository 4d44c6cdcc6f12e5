"""The model's benchmarks share this: contestants take turns in one run; medians make rows of a table."""

import argparse
import gc
import importlib
import json
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

Work = Callable[[], Any]
PRODUCT = "a large matrix product"  # MFU (model FLOPs utilisation) is a share of this contestant's rate


@dataclass
class Turns:
    """A contestant's measurements."""

    seconds: list[float] = field(default_factory=list)  # of each turn
    result: Any = None  # what its work returned before the turns
    peak: int = 0  # the most bytes that it held at a time, without the modules imported before

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def take_turns(
    makers: dict[str, Callable[[], Work]], device: torch.device, seconds: float, imports: tuple[str, ...] = ()
) -> dict[str, Turns]:
    """Contestants work in turns, so that other load on the machine slows all of them.

    On the CPU each has its own process, so that none reuses memory that another has freed. On a GPU they share this
    process, since PyTorch keeps a GPU's memory.

    Args:
        makers: each is called once and makes the work, which runs once unmeasured. For the CPU they must be picklable.
        seconds: how long to measure each contestant on average, and at least five turns.
        imports: modules to import before anything is measured.
    """
    contestant = _Here if device.type == "cuda" else _InAProcess
    contestants: dict[str, _Here | _InAProcess] = {}
    try:
        for name, make in makers.items():
            contestants[name] = contestant(make, imports)
        turns = {name: Turns(result=each.result) for name, each in contestants.items()}
        while len(turns[name].seconds) < 5 or sum(sum(each.seconds) for each in turns.values()) < seconds * len(turns):
            for name, each in contestants.items():
                turns[name].seconds.append(each.take_turn())
        for name, each in contestants.items():
            turns[name].peak = each.peak()
        return turns
    finally:
        for each in contestants.values():
            each.close()


class _Here:
    """A contestant on a GPU."""

    def __init__(self, make: Callable[[], Work], imports: tuple[str, ...]):
        for module in imports:
            importlib.import_module(module)
        before = torch.cuda.memory_allocated()
        self._work = make()
        self.result = self._work()
        torch.cuda.synchronize()
        self._own, self._more = torch.cuda.memory_allocated() - before, 0

    def take_turn(self) -> float:
        gc.collect()  # now, not in a turn
        torch.cuda.reset_peak_memory_stats()
        before, started = torch.cuda.memory_allocated(), time.perf_counter()
        self._work()
        torch.cuda.synchronize()
        took = time.perf_counter() - started
        self._more = max(self._more, torch.cuda.max_memory_allocated() - before)
        return took

    def peak(self) -> int:
        return self._own + self._more

    def close(self) -> None:
        pass


class _InAProcess:
    """A contestant on the CPU."""

    def __init__(self, make: Callable[[], Work], imports: tuple[str, ...]):
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        arguments = (make, imports, torch.get_num_threads(), theirs)
        self._process = context.Process(target=_serve, args=arguments)
        self._process.start()
        theirs.close()
        self.result = self._pipe.recv()

    def take_turn(self) -> float:
        self._pipe.send("turn")
        return self._pipe.recv()

    def peak(self) -> int:
        self._pipe.send("peak")
        return self._pipe.recv()

    def close(self) -> None:
        self._pipe.close()
        self._process.join()


def _serve(make: Callable[[], Work], imports: tuple[str, ...], threads: int, pipe: Connection) -> None:
    torch.set_num_threads(threads)
    for module in imports:
        importlib.import_module(module)
    before = _memory_status("VmRSS")
    work = make()
    pipe.send(work())
    while True:
        try:
            asked = pipe.recv()
        except EOFError:
            return
        if asked == "peak":
            pipe.send(_memory_status("VmHWM") - before)
            continue
        gc.collect()
        started = time.perf_counter()
        work()
        pipe.send(time.perf_counter() - started)


def _memory_status(name: str) -> int:
    """The bytes that this process holds now (VmRSS) or held at most (VmHWM; getrusage counts the parent's too)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


# ---- the machine's own speed ----


@dataclass(frozen=True)
class MatrixProduct:
    """Makes a contestant: products of two large matrices. A model's rate is compared with theirs (MFU)."""

    device: torch.device
    precision: torch.dtype

    @property
    def size(self) -> int:
        return 2_048 if self.device.type == "cpu" else 8_192

    @property
    def times(self) -> int:
        return 5 if self.device.type == "cpu" else 100

    @property
    def operations(self) -> int:
        """Floating-point operations of a turn."""
        return self.times * 2 * self.size**3

    def __call__(self) -> Work:
        left, right = (torch.randn(self.size, self.size, device=self.device).to(self.precision) for _ in range(2))

        def multiply() -> None:
            for _ in range(self.times):
                left @ right

        return multiply


# ---- rows ----


def speed_row(case: str, precision: str, unit: str, ours: Turns, theirs: Turns, amount: float, **more: object) -> dict:
    """``amount`` per second (for example tokens) by the medians of the turns, and their ratio.

    ``spread`` is the middle half of the ratios turn by turn. The ratio of the medians may lie outside.
    """
    ratios = sorted(their / our for our, their in zip(ours.seconds, theirs.seconds))
    quarter = len(ratios) // 4
    our_rate, their_rate = amount / ours.median, amount / theirs.median
    return {
        "case": case, "precision": precision, "ours": our_rate, "theirs": their_rate, "unit": unit,
        "ratio": our_rate / their_rate, "spread": [ratios[quarter], ratios[-1 - quarter]], **more,
    }  # fmt: skip


def memory_row(case: str, precision: str, ours: int, theirs: int) -> dict:
    """The peaks in MB; less is better."""
    return {
        "case": f"{case}, peak memory", "precision": precision, "ours": ours / 1e6, "theirs": theirs / 1e6,
        "unit": "MB (less is better)", "ratio": ours / theirs,
    }  # fmt: skip


def options(description: str) -> argparse.ArgumentParser:
    """The flags that the model's benchmarks share."""
    parser = argparse.ArgumentParser(description=description.split("\n")[0])
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of the CPU")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long to measure each contestant in a case")
    parser.add_argument("--cases", metavar="TEXT", help="only cases with this in their names")
    parser.add_argument("--json", type=Path, help="where to write the rows as well")
    return parser


HEADER = f"{'case':76} {'in':5} {'ours':>10} {'theirs':>10} {'ratio':>6}  {'middle half':13} {'MFU':>5} unit"


def line(each: dict) -> str:
    """A row of the table below HEADER."""
    spread = "" if "spread" not in each else "{:.2f} to {:.2f}".format(*each["spread"])
    utilisation = "" if each.get("mfu") is None else f"{each['mfu']:.0%}"
    return (
        f"{each['case']:76} {each['precision']:5} {each['ours']:10,.1f} {each['theirs']:10,.1f} "
        f"{each['ratio']:5.2f}x  {spread:13} {utilisation:>5} {each['unit']}"
    )


def run_cases(cases: dict[str, Callable[[str], list[dict]]], given: argparse.Namespace) -> None:
    """Measures the requested cases. Prints each row at once, and writes them as JSON if a file is given."""
    device = torch.device(given.device)
    print(f"{given.threads} threads, torch {torch.__version__}, {device}\n{HEADER}", flush=True)
    rows = []
    for case, measure in cases.items():
        if given.cases is None or given.cases in case:
            for each in measure(case):
                rows.append(each)
                print(line(each), flush=True)
                if given.json:  # at once: a benchmark may be stopped before its end
                    given.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
