"""Checks of the input representation.

The oracle looks three vectors up and adds them.
"""

from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from bert.config import BertConfig
from bert.exercises.checks.compare import require_equal, require_tensor

SIZE = 7


class OddColumnsDropped(nn.Module):
    """Stands for dropout, but drops always the same."""

    def forward(self, states: Tensor) -> Tensor:
        return states * (torch.arange(SIZE) % 2)


def check_the_sum(module: ModuleType) -> None:
    embeddings, inputs = _embeddings(module)
    embeddings.dropout = nn.Identity()
    words, types, positions = _looked_up(embeddings, *inputs)
    counted = embeddings.position_embeddings.weight[torch.arange(len(words))]
    norm = embeddings.layer_norm
    found = require_tensor(embeddings(*inputs), "the result")
    require_equal(found, norm(words + types + positions), "the result", {
        "the token types (segment A or B) are left out": norm(words + positions),
        "the positions are left out": norm(words + types),
        "the words are left out": norm(types + positions),
        "the positions are counted over all tokens; the argument positions has those of each sequence":
            norm(words + types + counted),
        "the sum is right, but LayerNorm after it is left out": words + types + positions,
        "LayerNorm belongs after the sum, not on each of the three": norm(words) + norm(types) + norm(positions),
        "the words alone go through LayerNorm; it belongs after the sum": norm(words) + types + positions,
        "the words are multiplied by sqrt(hidden_size), as in Vaswani et al. 2017; BERT does not do that":
            norm(words * SIZE**0.5 + types + positions),
        "the three are multiplied; they must be added": norm(words * types * positions),
    })  # fmt: skip


def check_dropout(module: ModuleType) -> None:
    embeddings, inputs = _embeddings(module)
    drop = embeddings.dropout = OddColumnsDropped()
    words, types, positions = _looked_up(embeddings, *inputs)
    norm, added = embeddings.layer_norm, words + types + positions
    require_equal(embeddings(*inputs), drop(norm(added)), "the result with dropout", {
        "dropout is left out; it comes after LayerNorm": norm(added),
        "dropout comes before LayerNorm; it belongs after it": norm(drop(added)),
        "dropout is on the words alone; it comes after LayerNorm": norm(drop(words) + types + positions),
    })  # fmt: skip


def _embeddings(module: ModuleType) -> tuple[Any, tuple[Tensor, Tensor, Tensor]]:
    """The module with random weights, and ids, types and positions of two sequences: of 4 tokens and of 3."""
    config = BertConfig(vocab_size=11, hidden_size=SIZE, num_attention_heads=1, max_position_embeddings=13)
    embeddings = module.Embeddings(config)
    embeddings.layer_norm = nn.LayerNorm(SIZE)
    for parameter in embeddings.parameters():
        nn.init.normal_(parameter)
    inputs = [3, 1, 10, 0, 5, 5, 2], [0, 0, 1, 1, 0, 1, 1], [0, 1, 2, 3, 0, 1, 2]
    ids, types, positions = map(torch.tensor, inputs)
    return embeddings, (ids, types, positions)


def _looked_up(embeddings: Any, ids: Tensor, types: Tensor, positions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return (
        embeddings.word_embeddings.weight[ids],
        embeddings.token_type_embeddings.weight[types],
        embeddings.position_embeddings.weight[positions],
    )
