"""``--shard``: weights, gradients and optimizer state shared out among the processes, by PyTorch's FSDP2.

Plain data parallelism keeps all three on every process: 16 bytes a parameter. FSDP2 (Zhao et al. 2023, "PyTorch FSDP")
keeps an equal share of each on each process. A layer's weights are gathered just before the layer computes, and
released after it. Its gradients are summed, and each process keeps its share. This is ZeRO stage 3 (Rajbhandari et al.
2020, section 5.3).
"""

import contextlib
from collections import Counter
from collections.abc import Iterator
from typing import Any, cast

from torch import Tensor, nn

from bert.model.encoder import EncoderLayer

# FSDP and distributed checkpoints take a second to import. So the functions that use them import them.


def shard(model: nn.Module) -> None:
    """Shares the weights of ``model`` out, layer by layer, in place. Make the optimizer after that.

    Its parameters become DTensors, of which each process holds a share. ``model.losses`` gathers them as a forward pass
    does.
    """
    from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method

    name = type(model).__name__
    for layer in _layers(model):
        fully_shard(layer)
    fully_shard(model)  # all other weights: they stay gathered from the forward pass to the backward pass
    register_fsdp_forward_method(model, "losses")
    type(model).__name__ = name  # FSDP's class is called FSDPBertFor...; a checkpoint names the class


def is_sharded(model: nn.Module) -> bool:
    """Whether the model's weights are shared out."""
    return hasattr(model, "unshard")


@contextlib.contextmanager
def gathered(model: nn.Module) -> Iterator[None]:
    """Inside the block each process holds all weights, so that it may compute any number of batches on its own.

    All processes must enter and leave the block together.
    """
    if not is_sharded(model):
        yield
        return
    parts: list[Any] = [*_layers(model), model]
    for part in parts:
        part.set_reshard_after_forward(False, recurse=False)
        part.unshard()
    try:
        yield
    finally:
        for part in parts:
            part.set_reshard_after_forward(part is not model, recurse=False)
            part.reshard()


def all_weights(model: nn.Module) -> dict[str, Tensor]:
    """The ``state_dict`` of the model without shards: in the main process alone, if there are shards.

    All processes must call it.
    """
    if not is_sharded(model):
        return model.state_dict()
    from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

    weights: dict[str, Any] = get_model_state_dict(
        model, options=StateDictOptions(full_state_dict=True, cpu_offload=True)
    )
    return weights


def load_all_weights(model: nn.Module, weights: dict[str, Any]) -> None:
    """Puts a ``state_dict`` without shards into the model. All processes must call it, with the same weights."""
    if not is_sharded(model):
        model.load_state_dict(weights)
        return
    from torch.distributed.checkpoint.state_dict import StateDictOptions, set_model_state_dict

    set_model_state_dict(model, weights, options=StateDictOptions(full_state_dict=True))


def own_share(tensor: Tensor) -> Tensor:
    """This process's share of a sharded tensor, or the tensor itself. Elementwise operations need no more."""
    return getattr(tensor, "to_local", lambda: tensor)()


def share_of(tensor: Tensor, like: Tensor) -> Tensor:
    """This process's share of a tensor that every process holds whole, if it is shared out as ``like`` is."""
    if not hasattr(like, "placements"):
        return tensor
    from torch.distributed.tensor import DTensor, distribute_tensor

    sharded = cast(DTensor, like)
    return own_share(distribute_tensor(tensor, sharded.device_mesh, sharded.placements, src_data_rank=None))


def whole(tensor: Tensor) -> Tensor:
    """A tensor that is the same on all processes, from its shares or partial sums."""
    return getattr(tensor, "full_tensor", lambda: tensor)()


def _layers(model: nn.Module) -> list[Any]:
    """The layers that have their weights for themselves. Weights of two layers are shared out with the whole model."""
    layers = [module for module in model.modules() if isinstance(module, EncoderLayer)]
    owners = Counter(id(parameter) for layer in layers for parameter in layer.parameters())
    return [layer for layer in layers if all(owners[id(parameter)] == 1 for parameter in layer.parameters())]
