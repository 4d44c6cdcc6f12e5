"""A model that looks its logits up: any numbers, a function of the source and of all pieces so far."""

import itertools
import math

import numpy as np
import torch
from torch import Tensor

from bert.generation.constraints import SpecialPieces
from bert.randomness import random_fractions

PAD, CLS, SEP = 0, 1, 2
FIRST_LETTER = 3


class TableCache:
    """Each row's source and pieces so far."""

    def __init__(self, sources: Tensor):
        self.sources = sources
        self.history = torch.zeros(len(sources), 0, dtype=torch.int64)

    def reorder(self, rows: Tensor) -> None:
        self.sources, self.history = self.sources[rows], self.history[rows]


class TableModel:
    """Random logits, by name: the same for the same source and history, in whatever row and batch.

    Args:
        letters: how many pieces there are beside [PAD], [CLS] and [SEP].
        scale: how far the logits of a step lie apart.
        end: is added to the logit of [SEP].
    """

    def __init__(self, letters: int, seed: int = 0, scale: float = 4.0, end: float = 0.0):
        self.vocabulary, self.seed, self.scale, self.end = FIRST_LETTER + letters, seed, scale, end
        self.special = SpecialPieces(CLS, SEP, (PAD, CLS), self.vocabulary)
        self.rows_of_steps: list[int] = []  # how many rows each step had

    def eval(self) -> None:
        pass

    def encode(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        return (input_ids * attention_mask).sum(dim=1)

    def start(self, memory: Tensor) -> TableCache:
        return TableCache(memory)

    def step(self, pieces: Tensor, cache: TableCache) -> Tensor:
        assert len(pieces) == len(cache.sources)
        self.rows_of_steps.append(len(pieces))
        cache.history = torch.cat([cache.history, pieces[:, None]], dim=1)
        return self.logits(cache.sources, cache.history)

    def logits(self, sources: Tensor, history: Tensor) -> Tensor:
        names = [column[:, None] for column in history.numpy().T]
        fractions = random_fractions(self.seed, sources.numpy()[:, None], *names, np.arange(self.vocabulary))
        logits = torch.from_numpy(fractions * self.scale)
        logits[:, SEP] += self.end
        return logits

    def log_probabilities(self, source: int, history: list[int]) -> list[float]:
        """log P of each piece after [CLS] and ``history``."""
        logits = self.logits(torch.tensor([source]), torch.tensor([[CLS, *history]]))
        return logits.log_softmax(dim=1)[0].tolist()

    def every_output(self, source: int, longest: int) -> dict[tuple[int, ...], float]:
        """log P of each whole output of up to ``longest`` letters, [SEP] included."""
        outputs = {}
        letters = range(FIRST_LETTER, self.vocabulary)
        for length in range(longest + 1):
            for ids in itertools.product(letters, repeat=length):
                outputs[ids] = self.log_probability(source, ids)
        return outputs

    def log_probability(self, source: int, ids: tuple[int, ...]) -> float:
        """log P of a whole output, [SEP] included, piece by piece."""
        steps = [self._remembered(source, ids[:place]) for place in range(len(ids) + 1)]
        return math.fsum(step[piece] for step, piece in zip(steps, (*ids, SEP)))

    def _remembered(self, source: int, history: tuple[int, ...]) -> list[float]:
        memo = self.__dict__.setdefault("memo", {})
        if (source, history) not in memo:
            memo[source, history] = self.log_probabilities(source, list(history))
        return memo[source, history]


def sources_of(*numbers: int) -> dict[str, Tensor]:
    """Sources of one piece each."""
    input_ids = torch.tensor(numbers)[:, None]
    return {"input_ids": input_ids, "attention_mask": torch.ones_like(input_ids)}
