"""The optimizer's state shared out among the processes: ZeRO stage 1 (Rajbhandari et al. 2020, section 5.1).

Adam keeps two numbers for every parameter, twice the memory of the parameters themselves, and plain data parallelism
keeps them on every process. Here each process keeps those of its own parameters alone:

    gradients, the same everywhere -> each process updates its own parameters -> and sends them to the others

What happens before ``step`` stays as it is, clipping and all. The optimizer does not know of it either: one that finds
no gradient at a parameter leaves it alone and keeps nothing for it, as BertAdamW and torch's AdamW both do.

The updated parameters travel besides the gradients, so that an update sends half as much again. (ZeRO proper saves
that: it gives each process the sum of its own gradients only. But then the backward pass could not be that of
DistributedDataParallel, nor the gradients' norm be taken as if there were one process.)
"""

import heapq

import torch
import torch.distributed as dist
from torch import Tensor

from bert.training.distributed import Processes


def share_out(sizes: list[int], processes: int) -> list[int]:
    """Which process owns each parameter, so that all own about as many numbers: the largest first, each to the one
    that has the least. The process with the word embeddings, which are not divided, may end up with the most.

    >>> share_out([10, 70, 30, 30], processes=2)
    [1, 0, 1, 1]
    """
    owners = [0] * len(sizes)
    least_first = [(0, process) for process in range(processes)]  # a heap of (numbers owned, process)
    for index in sorted(range(len(sizes)), key=lambda index: -sizes[index]):
        owned, owners[index] = least_first[0]
        heapq.heapreplace(least_first, (owned + sizes[index], owners[index]))
    return owners


def shard_optimizer(optimizer: torch.optim.Optimizer, processes: Processes) -> None:
    """Makes ``optimizer`` keep the state of this process's own parameters only, in place; it is used as before.

    Its ``state_dict`` is then this process's part, and ``whole_state`` the whole; ``load_state_dict`` takes the whole,
    whatever number of processes it is from, and keeps this process's part of it.
    """

    def keep_own_gradients(optimizer, *arguments) -> None:
        for parameter, owner in _owned_parameters(optimizer, processes):
            if owner != processes.rank:
                parameter.grad = None

    @torch.no_grad()
    def exchange_parameters(optimizer, *arguments) -> None:
        sent = [
            dist.broadcast(parameter, src=owner, async_op=True)
            for parameter, owner in _owned_parameters(optimizer, processes)
        ]
        for work in sent:
            work.wait()

    def keep_own_state(optimizer, state: dict) -> dict:
        owners = [owner for _, owner in _owned_parameters(optimizer, processes)]
        own = {index: kept for index, kept in state["state"].items() if owners[index] == processes.rank}
        return state | {"state": own}

    if processes.world_size > 1:
        optimizer.register_step_pre_hook(keep_own_gradients)
        optimizer.register_step_post_hook(exchange_parameters)
        optimizer.register_load_state_dict_pre_hook(keep_own_state)


def whole_state(optimizer: torch.optim.Optimizer, processes: Processes) -> dict:
    """The ``state_dict`` of a sharded optimizer as one without shards would give it, in the first process, on the CPU.

    The other processes send their parts, one after another, and get their own part back. All must call it.
    """
    state = optimizer.state_dict()
    own = {
        index: {name: value.cpu() if isinstance(value, Tensor) else value for name, value in kept.items()}
        for index, kept in state["state"].items()
    }
    parts = processes.to_first(own)
    return state | {"state": dict(sorted(item for part in parts for item in part.items()))}


def _owned_parameters(optimizer: torch.optim.Optimizer, processes: Processes) -> list[tuple[Tensor, int]]:
    """The optimizer's parameters in the order of its ``state_dict``, each with the process that owns it."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    return list(zip(parameters, share_out([parameter.numel() for parameter in parameters], processes.world_size)))
