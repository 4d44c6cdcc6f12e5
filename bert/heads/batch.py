"""A batch as the loader hands it over: sequences end to end, and what a head needs for its loss."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bert.model.sequences import Sequences


@dataclass(frozen=True)
class Batch:
    """Sequences without padding, and their labels.

    Attributes:
        input_ids: (tokens,) int64, all sequences end to end.
        token_type_ids: (tokens,) int64, 0 in segment A and 1 in segment B.
        sequences: which tokens belong together.
        selected: (selected,) int64, the indices of the tokens whose last states the head reads. None: all. A head that
            reads the pooled [CLS] alone selects no token.
        choices: in multiple choice, which sequences are the choices of one example.
        labels: what the loss takes besides, by name.
        target: in generation, what the decoder reads: a sequence for each sequence here.
    """

    input_ids: Tensor
    token_type_ids: Tensor
    sequences: Sequences
    selected: Tensor | None = None
    choices: Sequences | None = None
    labels: dict[str, Tensor] = field(default_factory=dict)
    target: "Batch | None" = None

    @classmethod
    def of(
        cls,
        rows: Sequence[np.ndarray],
        token_types: Sequence[np.ndarray],
        selected: Sequence[int] | np.ndarray | None = None,
        choices: Sequence[int] | None = None,
        target: "Batch | None" = None,
        **labels: np.ndarray,
    ) -> "Batch":
        """The batch of sequences given one by one.

        Args:
            rows, token_types: the ids and token types of each sequence, (seq,) integers.
            selected: see ``Batch``.
            choices: how many choices each example has.
            target: see ``Batch``.
        """
        return cls(
            torch.from_numpy(np.concatenate(rows, dtype=np.int64)),
            torch.from_numpy(np.concatenate(token_types, dtype=np.int64)),
            sequences_of([len(row) for row in rows]),
            None if selected is None else torch.from_numpy(np.asarray(selected, np.int64)),
            None if choices is None else sequences_of(choices),
            {name: torch.from_numpy(values) for name, values in labels.items()},
            target,
        )

    @property
    def tokens(self) -> int:
        """How many tokens a model computes for this batch."""
        return len(self.input_ids) + (0 if self.target is None else self.target.tokens)

    @property
    def inputs(self) -> dict[str, Any]:
        """What a head's forward pass takes: ``head(**batch.inputs)``."""
        inputs = {
            "input_ids": self.input_ids,
            "token_type_ids": self.token_type_ids,
            "sequences": self.sequences,
            "selected": self.selected,
        }
        if self.target is not None:
            del inputs["selected"]  # the decoder may look at every token
            inputs |= {"decoder_input_ids": self.target.input_ids, "decoder_sequences": self.target.sequences}
        return inputs if self.choices is None else inputs | {"choices": self.choices}

    def to(self, device: torch.device) -> "Batch":
        """The batch on a device. A GPU copies from pinned memory while the host goes on."""

        def move(values: Tensor) -> Tensor:
            if device.type == "cuda":
                return values.pin_memory().to(device, non_blocking=True)
            return values.to(device)

        def move_all(sequences: Sequences) -> Sequences:
            return Sequences(move(sequences.boundaries), sequences.longest)

        return Batch(
            move(self.input_ids),
            move(self.token_type_ids),
            move_all(self.sequences),
            None if self.selected is None else move(self.selected),
            None if self.choices is None else move_all(self.choices),
            {name: move(values) for name, values in self.labels.items()},
            None if self.target is None else self.target.to(device),
        )


def sequences_of(lengths: Sequence[int]) -> Sequences:
    """Sequences of these lengths, one after another."""
    boundaries = torch.tensor([0, *itertools.accumulate(lengths)], dtype=torch.int32)
    return Sequences(boundaries, max(lengths, default=0))
