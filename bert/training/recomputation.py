"""``--recompute``: gradient checkpointing (Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost").

A layer keeps only its input for the backward pass, which computes the layer once more, to the same numbers. That takes
much less memory, and the time of one more forward pass.
"""

import contextlib
from collections.abc import Iterator

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from bert.model.encoder import EncoderLayer


@contextlib.contextmanager
def recomputed_layers(model: nn.Module) -> Iterator[None]:
    """Inside the block the backward pass recomputes each encoder layer of the model."""
    layers = [module for module in model.modules() if isinstance(module, EncoderLayer)]
    before = [vars(layer).get("forward") for layer in layers]  # a compiled forward, if there is one
    for layer in layers:
        layer.forward = _recomputed(layer.forward)
    try:
        yield
    finally:
        for layer, forward in zip(layers, before, strict=True):
            if forward is None:
                del layer.forward  # the class's own forward is visible again
            else:
                layer.forward = forward


def _recomputed(forward):
    def forward_once_more(*inputs, **named):
        if not torch.is_grad_enabled():
            return forward(*inputs, **named)
        return checkpoint(forward, *inputs, use_reentrant=False, **named)

    return forward_once_more
