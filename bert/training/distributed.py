"""Several processes that train one model, each on its share of the batch.

``torchrun`` starts them and gives each its rank in the environment. Without it there is one process, and nothing here
does anything.
"""

import contextlib
import gc
import importlib
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NoReturn, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from bert.errors import InputError, speaks_for_this_machine
from bert.training.environment import read_environment

T = TypeVar("T")

LONGEST_EXCHANGE = timedelta(minutes=30)  # a process waits so long for the slowest one, as when it writes a checkpoint
LONGEST_PREPARATION = timedelta(hours=24)  # of a corpus, by the main process


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

    def gather(self, value: object, group: dist.ProcessGroup | None = None) -> list:
        """``value`` of every process, in their order, on each of them. Waits for all.

        Args:
            group: the connections to use; None: those of all other exchanges.
        """
        if self.world_size == 1:
            return [value]
        values = [None] * self.world_size
        dist.all_gather_object(values, value, group)
        return values

    def broadcast(self, make: Callable[[], T], takes_hours: bool = False) -> T:
        """The result of ``make()``, which runs in the main process alone, in every process.

        Args:
            takes_hours: whether ``make()`` may take longer than other exchanges, as the preparation of a corpus does.

        Raises:
            InputError: in the main process, if ``make()`` raises it.
            SystemExit: in the others then, with exit code 2. One message is enough.
        """
        if not takes_hours or self.world_size == 1:
            made = self.on_all(lambda: make() if self.is_main_process else None)
            return self.gather(made)[0]
        patient: Any = dist.new_group(backend="gloo", timeout=LONGEST_PREPARATION)
        made = self.on_all(lambda: make() if self.is_main_process else None, patient)
        dist.destroy_process_group(patient)
        return self.gather(made)[0]

    def on_all(self, make: Callable[[], T], group: dist.ProcessGroup | None = None) -> T:
        """The result of ``make()``, which runs in every process. Waits for all.

        Args:
            group: as in ``gather``.

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
        failed = self.gather(error is not None, group)
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


def reraise(error: BaseException) -> NoReturn:
    """Explains nothing: the error keeps its traceback."""
    raise error


@contextlib.contextmanager
def start_processes(device: str = "auto", explain: Callable[[BaseException], int] = reraise) -> Iterator[Processes]:
    """Joins the processes that torchrun started. Without torchrun there is one process.

    An exception in one of several processes ends this process at once. The others may wait for it in an exchange, and
    it would wait for them if it closed its connections in order. Its death closes them. The others notice within
    seconds, in the exchange ("Connection closed by peer" or "reset"), and end too. torchrun ends them as well, and
    names the first process that failed. Slurm does so with ``srun --kill-on-bad-exit``. If a process hangs, the others
    end after LONGEST_EXCHANGE.

    Two deaths take as long to notice. If a whole machine dies, nobody closes its connections. On GPUs the others wait
    in NCCL. There PyTorch's watchdog (TORCH_NCCL_ASYNC_ERROR_HANDLING, on by default) ends them when NCCL reports the
    lost connection, or else at the time limit. (NCCL's documentation says so; it was not tried.)

    Args:
        device: "auto" (CUDA if there is a GPU, else the CPU), "cpu" or "cuda".
        explain: prints a sentence for an exception that ends one of several processes, and returns the exit code. It
            raises the exception again if it has no sentence. Without several processes, the caller gets exceptions.

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
    # go through gloo: no process synchronises to learn them.
    dist.init_process_group("cpu:gloo,cuda:nccl" if device == "cuda" else "gloo", timeout=LONGEST_EXCHANGE)
    try:
        yield Processes(rank, count, chosen)
    except BaseException as error:
        _end_at_once(error, explain)
    _leave()


def lost_process(error: BaseException) -> str | None:
    """What gloo or NCCL says, if an exchange failed because another process ended or hangs; else None."""
    message = str(error)
    if not isinstance(error, dist.DistError) and not ("gloo" in message and isinstance(error, RuntimeError)):
        return None
    return message.rpartition(".cc:")[2].partition("] ")[2].partition(". ")[0] or message.partition("\n")[0]


def _end_at_once(error: BaseException, explain: Callable[[BaseException], int]) -> NoReturn:
    """Ends this process. Blocks that remove temporary files have been left by now. Workers end with their parent."""
    try:
        code = explain(error)
    except SystemExit as ending:
        code = ending.code if isinstance(ending.code, int) else int(ending.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # nobody reads any more
            stream.flush()
    os._exit(code)


def _leave() -> None:
    """Ends the group and its threads.

    A gloo thread may let go of its last tensor while Python shuts down. That aborts the process ("terminate called
    without an active exception"). So no thread may be left by then. Threads live as long as their group, and the group
    as long as a wrapped model. That model refers to itself, so it takes a garbage collection.
    """
    dist.destroy_process_group()
    gc.collect()
