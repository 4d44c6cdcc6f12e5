"""Matrix products of few shapes, for a CPU in 16 bits.

There PyTorch multiplies with oneDNN. It writes machine code for each new shape of two matrices, which takes up to four
times as long as the product. Sequences end to end are a new number of tokens in almost every batch. So we fill the rows
up to a multiple of ``ROWS_TOGETHER``, and cut the results off again:

    tokens      [CLS] good [SEP] [CLS] not bad [SEP]   0 0 0 0 0 0 0 0 0        in the encoder, as further sequences
    rows        [CLS] good [SEP] [CLS] not bad [SEP]   0 0 0 0 0 0 0 0 0        in a dense layer outside of it

Nothing reads what is made of these zeros. Results and gradients change by rounding alone.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bert import fast
from bert.model.encoder import Encoder
from bert.model.sequences import Sequences

ROWS_TOGETHER = 64


def multiply_in_few_shapes(model: nn.Module) -> None:
    """Fills up the rows in every encoder and dense layer of ``model``, by hooks."""
    for module in model.modules():
        if isinstance(module, Encoder | nn.Linear):
            filled = _FilledEncoder() if isinstance(module, Encoder) else _FilledRows()
            module.register_forward_pre_hook(filled.fill)
            module.register_forward_hook(filled.cut)


def is_needed(states: Tensor) -> bool:
    """Whether products of these states are in 16 bits on a CPU. Compiled code takes any number of rows."""
    is_in_16_bits = states.device.type == "cpu" and torch.is_autocast_enabled("cpu")
    return is_in_16_bits and fast.is_on() and not torch.compiler.is_compiling()


def missing_rows(rows: int) -> int:
    """How many rows of zeros fill them up."""
    return -rows % ROWS_TOGETHER


class _FilledRows:
    """The hooks of a dense layer."""

    def __init__(self):
        self._rows: int | None = None  # of the call that runs; None: nothing was filled

    def fill(self, layer: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        states, *others = inputs
        missing = missing_rows(len(states)) if states.dim() == 2 and is_needed(states) else 0
        self._rows = len(states) if missing else None
        return (F.pad(states, (0, 0, 0, missing)), *others) if missing else inputs

    def cut(self, layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        return output if self._rows is None else output[: self._rows]


class _FilledEncoder:
    """The hooks of an encoder."""

    def __init__(self):
        self._sizes: tuple[int, int, int] | None = None  # tokens, rows of the result, sequences

    def fill(self, encoder: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        states, sequences, *others = inputs
        self._sizes = None
        if not is_needed(states):
            return inputs
        selected = others.pop(0) if others else None
        rows = len(states) if selected is None else len(selected)
        self._sizes = len(states), rows, len(sequences.first)
        filled = fill_sequences(states, sequences)
        if selected is not None:  # the same token several times, which no one reads
            selected = F.pad(selected, (0, missing_rows(rows)), value=len(filled[0]) - 1)
        return (*filled, selected, *others)

    def cut(self, encoder: nn.Module, inputs: tuple[Any, ...], output: tuple[Any, ...]) -> tuple[Any, ...]:
        if self._sizes is None:
            return output
        tokens, rows, sequences = self._sizes
        states, all_states, all_weights = output
        if all_states is not None:
            all_states = (*(each[:tokens] for each in all_states[:-1]), all_states[-1][:rows])
        if all_weights is not None:
            all_weights = tuple(weights[:sequences] for weights in all_weights)
        return states[:rows], all_states, all_weights


def fill_sequences(states: Tensor, sequences: Sequences) -> tuple[Tensor, Sequences]:
    """The states (tokens, hidden_size) with rows of zeros. These are further sequences, and none is the longest."""
    tokens, missing = len(states), missing_rows(len(states))
    if not missing or not sequences.longest:
        return states, sequences
    ends = [*range(tokens + sequences.longest, tokens + missing, sequences.longest), tokens + missing]
    boundaries = torch.cat([sequences.boundaries, sequences.boundaries.new_tensor(ends)])
    columns = None if sequences.columns is None else F.pad(sequences.columns, (0, missing))
    return F.pad(states, (0, 0, 0, missing)), Sequences(boundaries, sequences.longest, columns)
