"""Fine-tuning that is more stable on small sets: newly initialized top layers, and a learning rate for each layer."""

import re
from typing import cast

import torch
from torch import nn

from bert.model.bert import BertModel, initialize_weights


def reinitialize_top_layers(bert: BertModel, count: int) -> None:
    """Initializes the encoder's last ``count`` layers and the pooler anew, in place.

    Source: Zhang et al. 2021, "Revisiting Few-sample BERT Fine-tuning", section 5. Pretraining specialises the top
    layers for its own tasks.
    """
    for layer in list(bert.encoder.layers)[len(bert.encoder.layers) - count :]:
        initialize_weights(layer, bert.config)
    if count and bert.pooler is not None:
        initialize_weights(bert.pooler, bert.config)


def decay_learning_rate_by_layer(optimizer: torch.optim.Optimizer, model: nn.Module, decay: float) -> None:
    """Lets each layer learn at ``decay`` times the rate of the layer above it, in place. The head has the full rate.

    Splits the optimizer's groups by layer. Each part carries its ``learning_rate_factor``, by which the training loop
    multiplies the scheduled rate. Source: Howard & Ruder 2018 (ULMFiT), section 3.2, "discriminative fine-tuning"; for
    BERT, Sun et al. 2019, section 5.3.4.

    Args:
        optimizer: has made no update yet.
        model: has its encoder at ``model.bert.encoder``.
    """
    top = 1 + len(cast(BertModel, model.bert).encoder.layers)
    heights = {id(parameter): height_of(name, top) for name, parameter in model.named_parameters()}
    groups = []
    for group in optimizer.param_groups:
        for height in range(top + 1):
            parameters = [parameter for parameter in group["params"] if heights[id(parameter)] == height]
            if parameters:
                groups.append({**group, "params": parameters, "learning_rate_factor": decay ** (top - height)})
    optimizer.param_groups[:] = groups


def height_of(name: str, top: int) -> int:
    """The height of a parameter: 0 in the embeddings, then the layer's number from 1, ``top`` in pooler and head.

    >>> height_of("bert.encoder.layers.3.attention.query.weight", 13)
    4
    """
    if name.startswith("bert.embeddings."):
        return 0
    layer = re.match(r"bert\.encoder\.layers\.(\d+)\.", name)
    return int(layer[1]) + 1 if layer else top
