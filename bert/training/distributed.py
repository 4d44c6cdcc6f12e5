"""Several processes that train one model, each on its share of the batch.

``torchrun`` starts them and gives each its rank in the environment. Without it there is one process, and nothing here
does anything.
"""

import contextlib
import gc
import importlib
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from bert.errors import InputError, speaks_for_this_machine
from bert.training.environment import read_environment

T = TypeVar("T")


@dataclass(frozen=True)
class Processes:
    """The processes of a run, as one of them sees them."""

    rank: int  # of this process, from 0
    world_size: int  # the number of processes
    device: torch.device  # of this process

    @property
    def is_main_process(self) -> bool:
        """Whether this process prints and writes."""
        return self.rank == 0

    def sum(self, values: Tensor) -> Tensor:
        """The elementwise sum of ``values`` over all processes, on each of them. Waits for all."""
        if self.world_size == 1:
            return values
        total = values.clone()
        dist.all_reduce(total)
        return total

    def gather(self, value: object) -> list:
        """``value`` of every process, in their order, on each of them. Waits for all."""
        if self.world_size == 1:
            return [value]
        values = [None] * self.world_size
        dist.all_gather_object(values, value)
        return values

    def broadcast(self, make: Callable[[], T]) -> T:
        """The result of ``make()``, which runs in the main process alone, in every process.

        Raises:
            InputError: in the main process, if ``make()`` raises it.
            SystemExit: in the others then, with exit code 2. One message is enough.
        """
        made = self.on_all(lambda: make() if self.is_main_process else None)
        return self.gather(made)[0]

    def on_all(self, make: Callable[[], T]) -> T:
        """The result of ``make()``, which runs in every process. Waits for all.

        Raises:
            InputError: in the first process in which ``make()`` raises it.
            SystemExit: in the others then, with exit code 2. One message is enough.
        """
        if self.world_size == 1:
            return make()
        made, error = [], None
        try:
            made.append(make())
        except InputError as found:
            error = found
        failed = self.gather(error is not None)
        if error is not None and failed.index(True) == self.rank:
            raise error
        if any(failed):
            raise SystemExit(2)
        return made[0]

    def wrap(self, model: nn.Module) -> nn.Module:
        """``model``, whose backward pass averages gradients over the processes."""
        if self.world_size == 1:
            return model
        device_ids = [self.device] if self.device.type == "cuda" else None
        # Gradients are views of the buffers that are sent. Otherwise they would be in memory twice.
        return DistributedDataParallel(model, device_ids=device_ids, gradient_as_bucket_view=True)


@contextlib.contextmanager
def start_processes(device: str = "auto") -> Iterator[Processes]:
    """Joins the processes that torchrun started. Without torchrun there is one process.

    If a process dies, its connections close. The others wait for it in the next exchange. Within seconds they end with
    "Connection closed by peer" (or "reset"), whatever the time limit below. torchrun ends them too, and names the first
    process that failed. Slurm does so with ``srun --kill-on-bad-exit``.

    Two deaths take longer to notice. If a whole machine dies, nobody closes its connections. On GPUs the others wait in
    NCCL. There PyTorch's watchdog (TORCH_NCCL_ASYNC_ERROR_HANDLING, on by default) ends them when NCCL reports the lost
    connection, or else at the time limit. Rely on torchrun there. (NCCL's documentation says so; it was not tried.)

    Args:
        device: "auto" (CUDA if there is a GPU, else the CPU), "cpu" or "cuda".

    Raises:
        InputError: if the environment holds nonsense; in one process, if CUDA was asked for and there is none, or if
            this machine has fewer GPUs than processes.
        SystemExit: in the others then, with exit code 2.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        if not speaks_for_this_machine():
            raise SystemExit(2)
        raise InputError("--device cuda: PyTorch sees no CUDA GPU here; leave --device out to run on the CPU")
    rank, count, local_rank = read_environment()
    chosen = torch.device(device)
    if device == "cuda":
        if local_rank >= torch.cuda.device_count():
            if local_rank > torch.cuda.device_count():  # only the first without a GPU reports it
                raise SystemExit(2)
            raise InputError(
                f"torchrun started process {local_rank} on this machine, which has {torch.cuda.device_count()} GPUs: "
                f"set --nproc_per_node to at most that"
            )
        chosen = torch.device("cuda", local_rank)
        torch.cuda.set_device(chosen)
        # PyTorch prefers cuDNN's attention on Hopper. It plans each new shape for up to a second, and texts have many
        # shapes. The other kernels need no plan.
        torch.backends.cuda.enable_cudnn_sdp(False)
    if count == 1:
        yield Processes(0, 1, chosen)
        return
    # When this module is first imported, its parameters take the default group as their default value. The wrapped
    # model imports it. If the group existed by then, it would never be released, with its threads (see _leave).
    importlib.import_module("torch.distributed.nn.functional")
    # Gradients on GPUs go through NCCL. The few numbers that the CPU needs every step (label counts, a request to stop)
    # go through gloo: no process synchronises to learn them. Preparing a corpus can take hours, while the other
    # processes wait.
    dist.init_process_group("cpu:gloo,cuda:nccl" if device == "cuda" else "gloo", timeout=timedelta(hours=12))
    try:
        yield Processes(rank, count, chosen)
    except BaseException as error:
        traceback.clear_frames(error.__traceback__)  # they hold the wrapped model, which holds the group
        raise
    finally:
        _leave()


def _leave() -> None:
    """Ends the group and its threads.

    A gloo thread may let go of its last tensor while Python shuts down. That aborts the process ("terminate called
    without an active exception"). So no thread may be left by then. Threads live as long as their group, and the group
    as long as a wrapped model. That model refers to itself, so it takes a garbage collection.
    """
    dist.destroy_process_group()
    gc.collect()
