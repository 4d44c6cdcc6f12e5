"""How long a run is, and the learning rate over it: up in a straight line, down in a straight line."""

from dataclasses import dataclass

from bert.training.flags import LARGEST
from bert.training.settings import TrainingSettings


@dataclass(frozen=True)
class Schedule:
    """How long a run is and what happens when, counted in updates."""

    max_steps: int
    learning_rate: float  # at its peak
    warmup_steps: int
    report_every: int
    eval_every: int
    checkpoint_every: int
    max_seconds: float | None = None  # None: no limit
    max_gradient_norm: float = 1.0

    def learning_rate_at(self, step: int) -> float:
        """The learning rate of update ``step`` (0 is the first)."""
        return linear_schedule(step, self.learning_rate, self.warmup_steps, self.max_steps)


def make_schedule(
    settings: TrainingSettings,
    updates_per_epoch: int,
    most_warmup_steps: int = LARGEST,
    max_minutes: float | None = None,
) -> Schedule:
    """The schedule of the settings. If they leave it open, a tenth of the run warms up, at most ``most_warmup_steps``.

    By default each epoch ends with an evaluation and a checkpoint.
    """
    max_steps = steps_of_run(settings.max_steps, settings.epochs, updates_per_epoch)
    warmup_steps = settings.warmup_steps
    return Schedule(
        max_steps=max_steps,
        learning_rate=settings.learning_rate,
        warmup_steps=min(max_steps // 10, most_warmup_steps) if warmup_steps is None else warmup_steps,
        report_every=settings.report_every,
        eval_every=settings.eval_every or updates_per_epoch,
        checkpoint_every=settings.checkpoint_every or updates_per_epoch,
        max_seconds=None if max_minutes is None else 60 * max_minutes,
    )


def steps_of_run(max_steps: int | None, epochs: int | None, updates_per_epoch: int) -> int:
    """How many updates a run has: the smaller of its two limits, one of which may be None.

    Raises:
        ValueError: if there is no limit.
    """
    return min(limit for limit in (max_steps, None if epochs is None else epochs * updates_per_epoch) if limit)


def linear_schedule(step: int, peak: float, warmup_steps: int, max_steps: int) -> float:
    """The learning rate of update ``step`` (0 is the first).

    The rate rises over ``warmup_steps`` updates. Then it falls on a line that reaches 0 at ``max_steps``. As in
    google-research/bert ``optimization.py``, that line spans the whole run, and the warm-up replaces its beginning. So
    just after the warm-up the rate steps down from ``peak`` to peak * (1 - warmup_steps / max_steps).

    Why warm up: Adam divides by an average of squared gradients, which after a few updates rests on a few gradients, so
    these updates are the least reliable (Liu et al. 2020, "On the Variance of the Adaptive Learning Rate and Beyond").
    And with LayerNorm after each residual sum, as in BERT, the upper layers' gradients are large at first (Xiong et al.
    2020, "On Layer Normalization in the Transformer Architecture").

    One departure: Google's first update has rate 0, which changes nothing. Ours has peak / warmup_steps.

    >>> [round(linear_schedule(step, peak=1.0, warmup_steps=2, max_steps=5), 1) for step in range(5)]
    [0.5, 1.0, 0.6, 0.4, 0.2]
    """
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    return peak * max(0.0, 1 - step / max_steps)
