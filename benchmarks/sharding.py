"""The memory of a process with ``--shard`` and without, for 1, 2 and 4 processes on this machine's CPU.

    python -m benchmarks.sharding                # a table in Markdown, in a minute
    python -m benchmarks.sharding --size base

Weights, gradients and optimizer state are counted in the process that holds the most. The peak is a process's largest
resident memory, less its memory before the model was built. For that the C library returns freed memory at once.
"""

import argparse
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import torch

from bert.config import BertConfig
from bert.heads.pretraining import BertForPreTraining
from bert.training.distributed import Processes, start_processes
from bert.training.loop import training_step
from bert.training.run import assemble
from bert.training.settings import TrainingSettings
from bert.training.sharding import own_share
from bert.training.totals import RunningTotals
from pretraining.planning import random_batch

UPDATES = 3


def main(arguments: list[str] | None = None) -> None:
    """Starts the processes and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=("tiny", "mini", "small", "base"), default="small")
    parser.add_argument("--shard", action=argparse.BooleanOptionalAction, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.shard is not None:
        with start_processes("cpu") as processes:
            measure(given.size, given.shard, processes)
        return
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
    print("| processes | `--shard` | weights | gradients | optimizer state | together | peak |")
    print("|---|---|---|---|---|---|---|")
    for processes, shard in ((1, False), (2, False), (4, False), (2, True), (4, True)):
        line = [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}", "-m"),
            *("benchmarks.sharding", "--size", given.size, "--shard" if shard else "--no-shard"),
        ]
        ended = subprocess.run(
            line, capture_output=True, text=True, cwd=Path(__file__).parents[1], check=True, env=environment
        )
        *held, peak = map(int, ended.stdout.split())
        cells = " | ".join(f"{size / 1e6:,.1f} MB" for size in (*held, sum(held), peak))
        print(f"| {processes} | {'yes' if shard else 'no'} | {cells} |", flush=True)


def measure(size: str, shard: bool, processes: Processes) -> None:
    """Prints the bytes of the process that holds the most of each: weights, gradients, optimizer state, peak."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    importlib.import_module("torch.distributed.fsdp")
    before = resident("VmRSS")
    config = getattr(BertConfig, size)(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    settings = TrainingSettings("nowhere", precision="fp32", shard=shard)
    run = assemble(settings, BertForPreTraining(config).train(), processes, print, {})
    batch, gradients = random_batch(config, 2, 64, nsp=True), 0
    counts = {name: count * processes.world_size for name, count in run.trainable.label_counts(batch).items()}
    optimizer_step = run.optimizer.step

    def step(*arguments, **named):
        nonlocal gradients
        gradients = bytes_of([parameter.grad for parameter in run.model.parameters() if parameter.grad is not None])
        return optimizer_step(*arguments, **named)

    run.optimizer.step = step
    for _ in range(UPDATES):
        training_step(run, [batch], counts, RunningTotals(), max_gradient_norm=1.0)
    state = [value for values in run.optimizer.state.values() for value in values.values()]
    held = [bytes_of(list(run.model.parameters())), gradients, bytes_of(state), resident("VmHWM") - before]
    everyones = processes.gather(held)
    if processes.is_main_process:
        print(*(max(column) for column in zip(*everyones, strict=True)))


def bytes_of(tensors: list[torch.Tensor]) -> int:
    """The bytes of these tensors that this process holds."""
    return sum(own_share(tensor).numel() * tensor.element_size() for tensor in tensors)


def resident(name: str) -> int:
    """The process's resident bytes now (VmRSS) or at their peak (VmHWM)."""
    return 1024 * int(re.findall(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())[0])


if __name__ == "__main__":
    main()
