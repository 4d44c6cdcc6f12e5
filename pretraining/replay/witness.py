"""Sees one update of a run: what the model read, what it predicted, its gradients, and how its weights changed.

It changes nothing. Hooks keep what the update's own forward passes gave, dropout included. As a companion of the run it
reads the gradients before they are clipped, and the weights after the optimizer's step.
"""

import contextlib
import itertools
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bert.heads.batch import Batch
from bert.heads.loss import IGNORE_INDEX, Loss
from bert.heads.pretraining import BertForPreTraining
from bert.training.compilation import eager
from bert.training.run import Run

SCORED_TOGETHER = 512  # tokens: their scores of the whole vocabulary are in memory at once


@dataclass(frozen=True)
class Guess:
    """What the model predicted of a selected token."""

    place: int  # in its sequence, from 0
    was: int  # the id to predict
    seen: int  # the id that the model read there
    guessed: int  # the id with the highest score
    its_probability: float
    probability: float  # of the id to predict
    loss: float  # nats


@dataclass(frozen=True)
class Pair:
    """What the model predicted of a pair of sentences."""

    is_random: bool
    said_random: bool
    probability: float  # of the right answer
    loss: float  # nats


@dataclass(frozen=True)
class Seen:
    """A sequence as the model read it."""

    ids: list[int]
    guesses: list[Guess]
    pair: Pair | None


@dataclass(frozen=True)
class Part:
    """A part of the model."""

    name: str
    parameters: int
    gradient: float  # the norm, before it is clipped
    change: float  # the norm of the weights' change
    weights: float  # the norm of the weights before


@dataclass
class _Forward:
    """What hooks keep of the forward pass of a micro-batch."""

    batch: Batch
    losses: dict[str, Loss] = field(default_factory=dict)
    states: Tensor | None = None  # (selected, hidden_size), of the tokens to predict
    labels: Tensor | None = None  # (selected,)
    pairs: Tensor | None = None  # (sequences, 2): the scores of the next-sentence head


class Witness:
    """Sees update ``update`` (from 1) of a run. It is a ``bert.training.companion.Companion``.

    Attributes:
        sequences, losses, gradient_norm, learning_rate, tokens: of the update, once it was made.
        parts: likewise, in the order of the model.
    """

    def __init__(self, run: Run, model: BertForPreTraining, update: int):
        self._run, self._model, self._update = run, model, update
        self._passes: list[_Forward] = []
        self._before: dict[str, Tensor] = {}
        self._gradients: dict[str, float] = {}
        self.sequences: list[Seen] = []
        self.losses: dict[str, list[float]] = {}  # sum, count and correct
        self.parts: list[Part] = []
        self.gradient_norm = self.learning_rate = math.nan
        self.tokens = 0

    @property
    def is_due(self) -> bool:
        """Whether the update that is being made is the one to see."""
        return self._run.progress.step + 1 == self._update

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Inside the block it sees the run's updates."""
        run, model = self._run, self._model
        hooks = [
            run.losses.register_forward_pre_hook(self._note_batch),
            run.losses.register_forward_hook(self._note_losses),
            model.masked_language_model.register_forward_pre_hook(self._note_states),
            model.next_sentence.register_forward_hook(self._note_pairs),
        ]
        run.companions = (*run.companions, self)
        try:
            yield
        finally:
            run.companions = run.companions[:-1]
            for hook in hooks:
                hook.remove()

    # ---- what hooks keep ----

    def _note_batch(self, module: nn.Module, inputs: tuple) -> None:
        if self.is_due:
            self._passes.append(_Forward(inputs[0]))

    def _note_states(self, module: nn.Module, inputs: tuple) -> None:
        if self.is_due and len(inputs) > 2 and self._passes:  # with labels
            self._passes[-1].states, self._passes[-1].labels = inputs[0].detach(), inputs[2]

    def _note_pairs(self, module: nn.Module, inputs: tuple, scores: Tensor) -> None:
        if self.is_due and self._passes:
            self._passes[-1].pairs = scores.detach().float()

    def _note_losses(self, module: nn.Module, inputs: tuple, losses: dict[str, Loss]) -> None:
        if self.is_due:
            self._passes[-1].losses = losses

    # ---- the companion ----

    @property
    def tensors(self) -> Mapping[str, Tensor]:
        """Nothing: a resumed run does not need it."""
        return {}

    def begin(self, max_steps: int) -> None:
        """Prepares nothing."""

    def before_step(self) -> None:
        """Reads the losses, the predictions and the gradients of the update."""
        if not self.is_due:
            return
        group = self._run.optimizer.param_groups[0]
        self.learning_rate = group["lr"] / group.get("learning_rate_factor", 1.0)
        for each in self._passes:
            for name, loss in each.losses.items():
                parts = [float(part.detach()) for part in loss if part is not None]
                self.losses[name] = [a + b for a, b in zip(self.losses.get(name, [0.0] * len(parts)), parts)]
            self.sequences += self._sequences_of(each)
            self.tokens += each.batch.tokens
        self._passes.clear()
        gradients = {
            name: parameter.grad for name, parameter in self._model.named_parameters() if parameter.grad is not None
        }
        self.gradient_norm = float(nn.utils.get_total_norm(gradients.values()))
        self._gradients = {name: float(gradient.norm()) for name, gradient in gradients.items()}
        self._before = {name: self._model.get_parameter(name).detach().clone() for name in gradients}

    def after_step(self, step: int) -> None:
        """Reads how the weights changed."""
        if step != self._update:
            return
        parts: dict[str, list[str]] = {}
        for name in self._before:
            parts.setdefault(part_of(name), []).append(name)
        self.parts = [self._part(part, names) for part, names in parts.items()]
        self._before.clear()

    def _part(self, part: str, names: list[str]) -> Part:
        before = {name: self._before[name] for name in names}
        changes = (self._model.get_parameter(name).detach() - weights for name, weights in before.items())
        return Part(
            part,
            parameters=sum(weights.numel() for weights in before.values()),
            gradient=math.hypot(*(self._gradients[name] for name in names)),
            change=math.hypot(*(float(change.norm()) for change in changes)),
            weights=math.hypot(*(float(weights.norm()) for weights in before.values())),
        )

    # ---- predictions ----

    def _sequences_of(self, each: _Forward) -> Iterator[Seen]:
        """The sequences of a micro-batch, with what the model predicted."""
        batch, guesses = each.batch, self._guesses_of(each)
        boundaries, ids = batch.sequences.boundaries.tolist(), batch.input_ids.tolist()
        pairs = _pairs_of(each)
        for number, (start, end) in enumerate(itertools.pairwise(boundaries)):
            yield Seen(ids[start:end], guesses[number], pairs[number] if pairs else None)

    @torch.no_grad()
    def _guesses_of(self, each: _Forward) -> list[list[Guess]]:
        """What the model predicted, for each sequence of a micro-batch."""
        batch, states, labels = each.batch, each.states, each.labels
        found: list[list[Guess]] = [[] for _ in batch.sequences.first]
        if states is None or labels is None or batch.selected is None:
            return found
        columns = []
        for part, of_part in zip(states.split(SCORED_TOGETHER), labels.split(SCORED_TOGETHER)):
            with eager(), self._run.precision.autocast():
                scores: Any = self._model.masked_language_model(part, self._model.word_embeddings)
            scores = scores.float()
            losses = F.cross_entropy(scores, of_part, ignore_index=IGNORE_INDEX, reduction="none")
            highest, guessed = scores.softmax(dim=-1).max(dim=-1)
            columns.append((guessed, highest, losses))
        selected = batch.selected.cpu()
        sequence_of = torch.searchsorted(batch.sequences.boundaries.cpu(), selected, right=True) - 1
        place = selected - batch.sequences.first.cpu()[sequence_of]
        seen = batch.input_ids.index_select(0, batch.selected)
        rows = zip(*(column.tolist() for column in (sequence_of, place, labels, seen, *map(torch.cat, zip(*columns)))))
        for sequence, where, was, read, guessed, highest, loss in rows:
            if was != IGNORE_INDEX:
                found[sequence].append(Guess(where, was, read, guessed, highest, math.exp(-loss), loss))
        return [sorted(guesses, key=lambda guess: guess.place) for guesses in found]


def _pairs_of(each: _Forward) -> list[Pair]:
    """What the model predicted of each pair of sentences; empty if the batch has none."""
    labels = each.batch.labels.get("next_sentence_labels")
    if labels is None or each.pairs is None:
        return []
    losses = F.cross_entropy(each.pairs, labels, reduction="none").tolist()
    said = each.pairs.argmax(dim=-1).tolist()
    return [
        Pair(bool(label), bool(answer), math.exp(-loss), loss)
        for label, answer, loss in zip(labels.tolist(), said, losses)
    ]


def part_of(name: str) -> str:
    """The part of the model that a parameter is in.

    >>> part_of("bert.encoder.layers.3.attention_norm.weight"), part_of("masked_language_model.bias")
    ('layer 4: attention', 'masked language model')
    """
    if layer := re.match(r"bert\.encoder\.layers\.(\d+)\.(attention|feed_forward)?", name):
        inner = (layer[2] or "the rest").replace("_", "-")
        return f"layer {int(layer[1]) + 1}: {inner}"
    first, *others = name.removeprefix("bert.").split(".")
    return first.replace("_", " ") if others else "the rest"
