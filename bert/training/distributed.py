"""Several processes that train one model, each on its share of the batch.

``torchrun`` starts them and says in the environment who is who; without it there is one process, and everything here
does nothing.
"""

import contextlib
import gc
import importlib
import os
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

T = TypeVar("T")


@dataclass(frozen=True)
class Processes:
    """rank: the number of this process, from 0; world_size: how many there are; device: where this one computes."""

    rank: int
    world_size: int
    device: torch.device

    @property
    def is_main_process(self) -> bool:
        """Whether this process is the one that prints and writes."""
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
        """What ``make()`` returns in the first process, in every process. It runs there alone; the others wait.

        Raises:
            InputError: in the first process, where ``make()`` raises it.
            SystemExit: in the others then, with exit code 2: one of them saying why is enough.
        """
        if self.world_size == 1:
            return make()
        value, error = None, None
        if self.is_main_process:
            try:
                value = make()
            except InputError as found:
                error = found
        values = [value, error is not None]
        dist.broadcast_object_list(values, src=0, device=torch.device("cpu"))
        if error is not None:
            raise error
        if values[1]:
            raise SystemExit(2)
        return values[0]

    def on_all(self, make: Callable[[], T]) -> T:
        """What ``make()`` returns, in every process its own; it waits for all.

        Raises:
            InputError: where ``make()`` raises it, but only in the first of the processes where it does.
            SystemExit: in the others then, with exit code 2: one of them saying why is enough.
        """
        if self.world_size == 1:
            return make()
        value, error = None, None
        try:
            value = make()
        except InputError as found:
            error = found
        failed = self.gather(error is not None)
        if error is not None and failed.index(True) == self.rank:
            raise error
        if any(failed):
            raise SystemExit(2)
        return value

    def wrap(self, model: nn.Module) -> nn.Module:
        """``model`` with gradients that are averaged over the processes during the backward pass."""
        if self.world_size == 1:
            return model
        device_ids = [self.device] if self.device.type == "cuda" else None
        # Gradients lie in the buffers that are sent, so that they are not in the memory twice.
        return DistributedDataParallel(model, device_ids=device_ids, gradient_as_bucket_view=True)


@contextlib.contextmanager
def start_processes(device: str = "auto") -> Iterator[Processes]:
    """Joins the processes that torchrun started; a block without it is a single process.

    Where a process dies, its connections are closed with it, and the others, which wait for it in the next exchange,
    end with "Connection closed by peer" (or "reset") within seconds, whatever the time limit below. torchrun ends them
    besides, and says which one was the first to fail; Slurm does with ``srun --kill-on-bad-exit``. Two deaths are not
    noticed so soon: that of a whole machine, whose connections are not closed by anybody; and on GPUs, while the others
    wait for it in NCCL rather than gloo, where PyTorch's watchdog (TORCH_NCCL_ASYNC_ERROR_HANDLING, on by itself) ends
    them when NCCL reports the lost connection, or else at the time limit. There torchrun's ending of the others is what
    counts. (What is said of NCCL is from its documentation; no GPU was at hand to try it.)

    Args:
        device: "auto" (CUDA where there is a GPU, else the CPU), "cpu" or "cuda".

    Raises:
        InputError: where CUDA was asked for and there is none, or fewer GPUs than processes on this machine, in one of
            the processes.
        SystemExit: in the others then, with exit code 2.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        if not speaks_for_this_machine():
            raise SystemExit(2)
        raise InputError("--device cuda: PyTorch sees no CUDA GPU here; leave --device out to run on the CPU")
    rank, count = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    chosen = torch.device(device)
    if device == "cuda":
        local_rank = int(os.environ.get("LOCAL_RANK", 0))
        if local_rank >= torch.cuda.device_count():
            if local_rank > torch.cuda.device_count():  # the first that has none says it
                raise SystemExit(2)
            raise InputError(
                f"torchrun started process {local_rank} on this machine, which has {torch.cuda.device_count()} GPUs: "
                f"set --nproc_per_node to at most that"
            )
        chosen = torch.device("cuda", local_rank)
        torch.cuda.set_device(chosen)
        # cuDNN's attention, which PyTorch prefers on Hopper, makes a plan for each new shape, up to a second for one;
        # texts have many, and the other kernels need none.
        torch.backends.cuda.enable_cudnn_sdp(False)
    if count == 1:
        yield Processes(0, 1, chosen)
        return
    # This module takes the default group as the default value of its parameters, when it is first imported. The wrapped
    # model imports it; were the group already there, it would never be released, with its threads (see _leave).
    importlib.import_module("torch.distributed.nn.functional")
    # Both at once: gradients on the GPUs go through NCCL, and the few numbers that the CPU needs every step (label
    # counts, a request to stop) through gloo, so that no process waits for its GPU to learn them. Preparing a corpus
    # can take hours, during which the other processes wait.
    dist.init_process_group("cpu:gloo,cuda:nccl" if device == "cuda" else "gloo", timeout=timedelta(hours=12))
    try:
        yield Processes(rank, count, chosen)
    except BaseException as error:
        traceback.clear_frames(error.__traceback__)  # they hold the wrapped model, and it the group
        raise
    finally:
        _leave()


def _leave() -> None:
    """Ends the group and its threads. A thread of gloo's that let go of its last tensor while Python shuts down would
    abort the process ("terminate called without an active exception"), so that none may be left by then: it lives as
    long as its group, and that as long as a wrapped model, whose references to itself only a collection undoes.
    """
    dist.destroy_process_group()
    gc.collect()
