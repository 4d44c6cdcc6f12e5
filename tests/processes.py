"""Starts several processes of a program, as a cluster's scheduler would, and waits for their ends."""

import os
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
RUNS = """
import os, sys
import train_finetune

port, *words = sys.argv[1:]
for line in " ".join(words).split(" then "):
    if code := train_finetune.main(line.split()):
        sys.exit(code)
    os.environ["MASTER_PORT"] = port
"""


def start(program: str, argument: str, count: int, errors: int = subprocess.STDOUT) -> list[subprocess.Popen]:
    """So many processes of a program. All that they know is in their environment, and their arguments."""
    environment = os.environ | {
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": str(count), "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    return [
        subprocess.Popen(
            [sys.executable, "-c", program, *argument.split()], env=environment | {"RANK": str(rank)},
            stdout=subprocess.PIPE, stderr=errors, text=True,
        )
        for rank in range(count)
    ]  # fmt: skip


def ends_of(program: str, argument: str, count: int) -> list[tuple[int, str]]:
    """The exit codes and the outputs of the processes."""
    running = start(program, argument, count)
    try:
        outputs = [process.communicate(timeout=120)[0] for process in running]
        return [(process.returncode, output) for process, output in zip(running, outputs)]
    finally:
        for process in running:
            process.kill()


def ends_of_runs(command_lines: list[str], count: int) -> list[tuple[int, str]]:
    """The same of processes that make several runs of ``train_finetune.py``, one after another."""
    return ends_of(RUNS, f"{free_port()} {' then '.join(command_lines)}", count)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def workers_here() -> list[str]:
    """The workers of this process. An earlier test may have left other children, such as torch.compile's."""
    found = [
        process for task in Path("/proc/self/task").iterdir() for process in (task / "children").read_text().split()
    ]
    return [process for process in found if b"bert.workers" in Path(f"/proc/{process}/cmdline").read_bytes()]
