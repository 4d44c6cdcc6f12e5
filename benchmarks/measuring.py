"""What the benchmarks of the model share: turns taken in one run, medians, a row, a table."""

import argparse
import gc
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch


def take_turns(works: dict[str, Callable[[], object]], device: torch.device, seconds: float) -> dict[str, list[float]]:
    """The seconds that each of several works takes, one after the other and again, so that what else the machine does
    slows all of them down.

    Args:
        works: each is run once before, unmeasured.
        seconds: how long to measure each of them, at least; and at least five times.
    """
    for work in works.values():
        work()
    _wait_for(device)
    times: dict[str, list[float]] = {name: [] for name in works}
    while min(len(each) for each in times.values()) < 5 or sum(map(sum, times.values())) < seconds * len(works):
        for name, work in works.items():
            gc.collect()  # now, and not in somebody's turn
            started = time.perf_counter()
            work()
            _wait_for(device)
            times[name].append(time.perf_counter() - started)
    return times


def row(
    case: str, precision: str, unit: str, ours: list[float], theirs: list[float], amount: float, **more: object
) -> dict:
    """A case's figures: ``amount`` per second (for example tokens) by the medians of the seconds measured, and their
    ratio. spread: the middle half of the ratios of the turns, each of which was measured side by side.
    """
    ratios = sorted(their / our for our, their in zip(ours, theirs))
    quarter = len(ratios) // 4
    our_rate, their_rate = amount / statistics.median(ours), amount / statistics.median(theirs)
    return {
        "case": case, "precision": precision, "ours": our_rate, "theirs": their_rate, "unit": unit,
        "ratio": our_rate / their_rate, "spread": [ratios[quarter], ratios[-1 - quarter]], **more,
    }  # fmt: skip


def matrix_product_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Floating-point operations per second of a product of two large matrices: what the machine has to give."""
    size, at_once = (2_048, 1) if device.type == "cpu" else (8_192, 100)  # a turn of a GPU's needs more than one
    left, right = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))

    def multiply() -> None:
        for _ in range(at_once):
            left @ right

    times = take_turns({"products": multiply}, device, seconds=2.0)
    return at_once * 2 * size**3 / statistics.median(times["products"])


def options(description: str) -> argparse.ArgumentParser:
    """The flags that the benchmarks of the model share."""
    parser = argparse.ArgumentParser(description=description.split("\n")[0])
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of the CPU")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long to measure each contestant in a case")
    parser.add_argument("--cases", metavar="TEXT", help="only cases with this in their names")
    parser.add_argument("--json", type=Path, help="where to write the rows as well")
    return parser


HEADER = f"{'case':66} {'in':5} {'ours':>10} {'theirs':>10} {'ratio':>6}  {'middle half':13} {'MFU':>5} unit"


def line(each: dict) -> str:
    """A row of the table below HEADER."""
    spread = "" if "spread" not in each else "{:.2f} to {:.2f}".format(*each["spread"])
    utilisation = "" if each.get("mfu") is None else f"{each['mfu']:.0%}"
    return (
        f"{each['case']:66} {each['precision']:5} {each['ours']:10,.1f} {each['theirs']:10,.1f} "
        f"{each['ratio']:5.2f}x  {spread:13} {utilisation:>5} {each['unit']}"
    )


def run_cases(cases: dict[str, Callable[[str], list[dict]]], given: argparse.Namespace) -> None:
    """Measures the cases that were asked for, printing each as it comes; as JSON too where a file is given."""
    device = torch.device(given.device)
    print(f"{given.threads} threads, torch {torch.__version__}, {device}\n{HEADER}", flush=True)
    rows = []
    for case, measure in cases.items():
        if given.cases is None or given.cases in case:
            for each in measure(case):
                rows.append(each)
                print(line(each), flush=True)
                if given.json:  # at once: a benchmark may be stopped on the way
                    given.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
