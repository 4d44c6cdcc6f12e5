"""An exported model beside our own, on real texts: ``check.json``."""

import copy
import time
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bert.errors import InputError
from bert.export.subject import Subject
from bert.tasks.metrics import LOWER_IS_BETTER
from bert.tasks.prediction import tokens_at_once

LARGEST_DIFFERENCE = 1e-4  # of a score, in float32
MOST_FLIPS = 0.01  # the share of labels that may flip in 8 bits


@dataclass
class Differences:
    """The distance of scores, and the time that both models took, batch by batch."""

    largest: float = 0.0
    total: float = 0.0
    count: int = 0

    def add(self, ours: Tensor, theirs: Tensor) -> None:
        """Compares scores of one shape. Where one is minus infinity, both must be."""
        if ours.shape != theirs.shape:
            raise InputError(f"the exported model gives {tuple(theirs.shape)} scores, ours {tuple(ours.shape)}")
        apart = (ours.double() - theirs.double()).abs()
        apart = torch.where(ours == theirs, 0, apart)  # also two infinities
        if apart.numel():
            self.largest = float(np.maximum(self.largest, apart.max().item()))  # what is no number stays so
        self.total += float(apart.sum())
        self.count += apart.numel()


@dataclass(frozen=True)
class Check:
    """What ``check.json`` says.

    Attributes:
        compared: the texts, in words.
        largest_difference, mean_difference: of scores.
        labels, flipped: how many labels there are, and how many are others after the export. None: there are none.
        metrics: the name of each, with its value before and after.
        milliseconds: the median time of a batch, before and after.
        batch: what a batch is, in words.
        megabytes: of the weights before, of the files after.
        threshold: see ``failures``.
    """

    format: str
    int8: bool
    compared: str
    texts: int
    largest_difference: float
    mean_difference: float
    labels: int | None
    flipped: int | None
    metrics: dict[str, tuple[float, float]]
    milliseconds: tuple[float, float]
    batch: str
    megabytes: tuple[float, float]
    threshold: float

    def failures(self) -> list[str]:
        """What is above the threshold, in sentences.

        In float32 the threshold is the largest difference of a score. In 8 bits it is the largest share of labels that
        may flip. The first metric may lose half as much. Vectors may lose as much of their cosine with ours.
        """
        limit = self.threshold
        if not self.int8:
            is_near = self.largest_difference <= limit  # not if it is no number
            return [] if is_near else [f"a score differs by {self.largest_difference:.2g}, and at most {limit:g} may"]
        found = []
        if self.flipped and self.labels and self.flipped / self.labels > limit:
            found.append(f"{self.flipped / self.labels:.1%} of the labels flip, and at most {limit:.1%} may")
        for name, (before, after) in list(self.metrics.items())[:1]:
            loss = after - before if name in LOWER_IS_BETTER else before - after
            most = limit if name == COSINE else limit / 2
            if not loss <= most:
                found.append(f"{name} is worse by {loss:.4f}, and at most {most:.4f} may be lost")
        return found

    def to_dict(self) -> dict[str, Any]:
        """The content of ``check.json``."""
        names = ("before", "after")
        pairs = ("milliseconds", "megabytes")
        values = asdict(self) | {name: dict(zip(names, getattr(self, name))) for name in pairs}
        metrics = {name: dict(zip(names, pair)) for name, pair in self.metrics.items()}
        failures = self.failures()
        return values | {"metrics": metrics, "passed": not failures, "failures": failures}

    def table(self) -> list[str]:
        """The same as lines to print."""
        rows = [(name, f"{before:.4f}", f"{after:.4f}") for name, (before, after) in self.metrics.items()]
        for name, (before, after) in (("ms a batch", self.milliseconds), ("megabytes", self.megabytes)):
            rows.append((name, f"{before:.1f}", f"{after:.1f}"))
        width = max(len(row[0]) for row in rows)
        rows = [("", "before", "after"), *rows]
        lines = [f"{name:{width}}  {before:>10}  {after:>10}" for name, before, after in rows]
        flips = "" if self.labels is None else f" {self.flipped:,} of {self.labels:,} labels flip."
        return [
            f"Compared: {self.compared}. {self.batch}.",
            *lines,
            f"Scores differ by at most {self.largest_difference:.2g}, on average by {self.mean_difference:.2g}.{flips}",
        ]


COSINE = "cosine"  # the mean cosine of vectors with ours


def compare(
    head: Any, running: Any, fields: tuple[str, ...], subject: Subject, compared: str, format: str, int8: bool,
    megabytes: tuple[float, float], threshold: float | None = None,
) -> Check:  # fmt: skip
    """Predicts with a model and with its exported form.

    Args:
        head: our model.
        running: the same, whose forward pass is the exported file's (``bert.export.running``).
        fields: of their outputs, those to compare.
        threshold: None: the usual one.
    """
    differences, seconds = Differences(), ([], [])

    def observed(*inputs: Any, **named: Any) -> Any:
        """What ``running`` gives, compared with what ``head`` gives."""
        outputs = []
        for model, times in zip((head, running), seconds):
            begin = time.perf_counter()
            outputs.append(model(*inputs, **named))
            times.append(time.perf_counter() - begin)
        for name in fields:
            differences.add(getattr(outputs[0], name), getattr(outputs[1], name))
        return outputs[1]

    before = subject.predict(head)
    after = subject.predict(_with_forward(head, observed))
    labels = None if subject.labels is None else [subject.labels(each) for each in (before, after)]
    metrics = {}
    if isinstance(before, np.ndarray):
        metrics[COSINE] = (1.0, mean_cosine(before, after))
    if subject.measure is not None:
        found = subject.measure(before), subject.measure(after)
        metrics = {name: (value, found[1][name]) for name, value in found[0].items()}
    return Check(
        format=format,
        int8=int8,
        compared=compared,
        texts=subject.count,
        largest_difference=differences.largest,
        mean_difference=differences.total / max(differences.count, 1),
        labels=None if labels is None else len(labels[0]),
        flipped=None if labels is None else sum(one != other for one, other in zip(*labels, strict=True)),
        metrics=metrics,
        milliseconds=(1000 * median(seconds[0]), 1000 * median(seconds[1])),
        batch=f"A batch has up to {tokens_at_once(head):,} tokens; {len(seconds[0])} batches in turns, threads: "
        f"{torch.get_num_threads()}",
        megabytes=megabytes,
        threshold=(MOST_FLIPS if int8 else LARGEST_DIFFERENCE) if threshold is None else threshold,
    )


def _with_forward(head: nn.Module, forward: Any) -> Any:
    changed: Any = copy.copy(head)
    changed.forward = forward
    return changed


def mean_cosine(first: np.ndarray, second: np.ndarray) -> float:
    """The mean cosine of the rows of two arrays (rows, size)."""
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return float(np.mean((first * second).sum(axis=1) / np.maximum(lengths, np.finfo(np.float32).tiny)))


def megabytes_of(head: nn.Module) -> float:
    """The size of a model's parameters, each once."""
    return sum(each.nbytes for each in head.parameters()) / 1e6
