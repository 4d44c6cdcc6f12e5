"""Starts several processes of a program, as a cluster's scheduler would, and waits for their ends.

To import PyTorch and the scripts takes a process three seconds. So most are warm: forked from a process that has
imported them and does nothing else. Its threads hold no locks, since it has none.
"""

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

ROOT = Path(__file__).parents[1]
# What warm processes have imported: the scripts, and what they import when they need it.
IMPORTED = [
    "torch", "numpy", "einops", "train_finetune", "train_pretrain", "torch.distributed.checkpoint.state_dict",
    "torch.utils.tensorboard", "sklearn.metrics", "safetensors.torch", "matplotlib.figure", "tqdm",
]  # fmt: skip
RUNS = """
import os, sys
import train_finetune

port, *words = sys.argv[1:]
for line in " ".join(words).split(" then "):
    if code := train_finetune.main(line.split()):
        sys.exit(code)
    os.environ["MASTER_PORT"] = port
"""

# One of the two scripts, which waits for a signal after its first training state. So it is interrupted there on any
# machine.
WAITING = """
import importlib, os, signal, sys
from bert.training.run import Run

reading, writing = os.pipe()
os.set_blocking(writing, False)
signal.set_wakeup_fd(writing)  # a byte for each signal
save = Run.save

def save_and_wait(run, **own):
    Run.save = save
    save(run, **own)
    os.read(reading, 1)

Run.save = save_and_wait
sys.exit(importlib.import_module(sys.argv[0].removesuffix(".py")).main(sys.argv[1:]))
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


class Warm:
    """A warm process of a program, with the methods of ``subprocess.Popen`` that the tests need."""

    def __init__(self, program: str, arguments: list[str], environment: dict[str, str] | None = None):
        self.folder = tempfile.TemporaryDirectory()
        self.files = [Path(self.folder.name) / name for name in ("output", "errors")]
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(IMPORTED)
        known = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)} | (environment or {})
        self.process = context.Process(target=_enter, args=(program, arguments, known, os.getcwd(), self.files))
        self.process.start()

    def send_signal(self, number: int) -> None:
        if self.process.is_alive():
            os.kill(self.process.pid, number)

    def poll(self) -> int | None:
        return self.process.exitcode

    def wait(self, timeout: float = 120) -> int:
        self.process.join(timeout)
        if self.process.exitcode is None:
            self.process.kill()
            raise subprocess.TimeoutExpired("a warm process", timeout)
        return self.process.exitcode

    def ends(self, timeout: float = 120) -> tuple[int, str, str]:
        """Its exit code, its output and its errors."""
        code = self.wait(timeout)
        output, errors = (file.read_text() if file.exists() else "" for file in self.files)
        self.folder.cleanup()
        return code, output, errors


def _enter(program: str, arguments: list[str], environment: dict[str, str], directory: str, files: list[Path]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(directory)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    torch.set_num_threads(1)
    for number, file in enumerate(files, start=1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    sys.stdin = open(os.devnull)  # noqa: SIM115 (for as long as the process lives)
    sys.stdout, sys.stderr = (open(number, "w", buffering=1, closefd=False) for number in (1, 2))  # noqa: SIM115
    sys.argv = arguments
    exec(compile(program, "<program>", "exec"), {"__name__": "__main__"})


def interrupted(script: str, arguments: list, run: Path, number: int) -> int:
    """The exit code of one of the two scripts if a signal comes after its first training state."""
    warm = Warm(WAITING, [f"{script}.py", *map(str, arguments)])
    while not list(run.glob("training_state/step-*")) and warm.poll() is None:
        time.sleep(0.01)
    warm.send_signal(number)
    return warm.wait()


def all_ends(program: str, arguments: list[str], count: int) -> list[tuple[int, str, str]]:
    """The exit codes, the outputs and the errors of so many warm processes, which make one world."""
    world = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": str(count)}
    running = [Warm(program, arguments, world | {"RANK": str(rank)}) for rank in range(count)]
    try:
        return [warm.ends() for warm in running]
    finally:
        for warm in running:
            warm.process.kill()


def ends_of(program: str, argument: str, count: int) -> list[tuple[int, str]]:
    """The exit codes and the outputs of the processes, with the errors after them."""
    return [(code, output + errors) for code, output, errors in all_ends(program, ["-c", *argument.split()], count)]


def run_in_processes(script: str, arguments: list, count: int) -> None:
    """Runs one of the two scripts in so many processes."""
    program = f"import sys, {script}; sys.exit({script}.main(sys.argv[1:]))"
    for code, output, errors in all_ends(program, [f"{script}.py", *map(str, arguments)], count):
        assert code == 0, output + errors


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
