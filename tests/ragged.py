"""A padded batch, as tests write it down, without its padding, as a loader hands it over."""

import torch
from torch import Tensor

from bert.heads.batch import Batch

INPUTS = ("input_ids", "token_type_ids", "attention_mask")
POSITIONS = ("masked_positions", "word_positions", "sentence_positions", "entity_positions")


def ragged(padded: dict[str, Tensor]) -> Batch:
    """The same sequences end to end, with the same labels.

    Args:
        padded: input_ids, token_type_ids and attention_mask, (batch, seq) or (batch, choices, seq); a head's positions,
            row * seq + column, or for entities (batch, 2) columns; and labels.
    """
    ids, types, mask = (padded[name] for name in INPUTS)
    choices = mask.any(dim=-1).sum(dim=-1).tolist() if ids.ndim == 3 else None
    ids, types, mask = (values.flatten(0, -2) for values in (ids, types, mask.bool()))
    number = mask.flatten().cumsum(0) - 1  # of each real token
    selected = None if "start_positions" in padded else []
    for name in POSITIONS:
        if name in padded:
            places = padded[name]
            if name == "entity_positions":
                places = torch.arange(0, ids.numel(), ids.shape[1])[:, None] + places
            assert mask.flatten()[places.flatten()].all(), f"{name} has padding in it"
            selected = number[places.flatten()].numpy()
    filled = mask.any(dim=1)
    return Batch.of(
        [row[real].numpy() for row, real in zip(ids[filled], mask[filled])],
        [row[real].numpy() for row, real in zip(types[filled], mask[filled])],
        selected,
        choices,
        **{name: values.numpy() for name, values in padded.items() if name not in INPUTS + POSITIONS},
    )
