"""How long a run is, and the learning rate over it: up in a straight line, down in a straight line.

Most runs know their number of updates. ``fitted_schedule.py`` is for a run that knows its minutes instead.
"""

from dataclasses import dataclass
from typing import NamedTuple

from bert.training.flags import LARGEST
from bert.training.settings import TrainingSettings

WARMUP_SHARE = 0.1  # of a run, if its settings leave it open


class Leg(NamedTuple):
    """A straight line of the fraction of a run that is over. It leads to 1 at update ``end``.

    >>> Leg(0, 0.0, 10).fraction(4), Leg(4, 0.4, 7).fraction(5)
    (0.4, 0.6)
    """

    start: int  # the update at which the line begins
    begun: float  # the fraction there
    end: int

    def fraction(self, step: int) -> float:
        """The fraction of the run that is over when update ``step`` begins, from 0 to 1."""
        if step >= self.end:
            return 1.0
        return self.begun + (1 - self.begun) * (step - self.start) / (self.end - self.start)


@dataclass(frozen=True)
class Schedule:
    """How long a run is and what happens when, counted in updates."""

    max_steps: int  # the run ends there
    learning_rate: float  # at its peak
    warmup_steps: int
    report_every: int
    eval_every: int
    checkpoint_every: int
    max_seconds: float | None = None  # of a session; None: no limit
    max_gradient_norm: float = 1.0
    decays_to: int | None = None  # the update at which the learning rate is 0; None: max_steps

    @property
    def leg(self) -> Leg:
        """The straight line that the fraction of the run is on."""
        return Leg(0, 0.0, self.decays_to or self.max_steps)

    def decay(self, fraction: float) -> float:
        """The share of the peak that is left after the warm-up, when this fraction of the run is over."""
        return 1 - fraction

    def learning_rate_at(self, step: int) -> float:
        """The learning rate of update ``step`` (0 is the first)."""
        return linear_schedule(step, self.learning_rate, self.warmup_steps, self.leg.end)


def make_schedule(
    settings: TrainingSettings,
    updates_per_epoch: int,
    most_warmup_steps: int = LARGEST,
    max_minutes: float | None = None,
    decays_to: int | None = None,
) -> Schedule:
    """The schedule of the settings. If they leave it open, a tenth of the run warms up, at most ``most_warmup_steps``.

    By default each epoch ends with an evaluation and a checkpoint.

    Args:
        max_minutes: of a session.
        decays_to: the update at which the learning rate is 0; None: where the run ends.
    """
    max_steps = steps_of_run(settings.max_steps, settings.epochs, updates_per_epoch, decays_to)
    warmup_steps = settings.warmup_steps
    return Schedule(
        max_steps=max_steps,
        learning_rate=settings.learning_rate,
        warmup_steps=min((decays_to or max_steps) // 10, most_warmup_steps) if warmup_steps is None else warmup_steps,
        report_every=settings.report_every,
        eval_every=settings.eval_every or updates_per_epoch,
        checkpoint_every=settings.checkpoint_every or updates_per_epoch,
        max_seconds=None if max_minutes is None else 60 * max_minutes,
        decays_to=decays_to,
    )


def steps_of_run(max_steps: int | None, epochs: int | None, updates_per_epoch: int, *others: int | None) -> int:
    """How many updates a run has: the smallest of its limits, some of which may be None.

    Raises:
        ValueError: if there is no limit.
    """
    limits = (max_steps, None if epochs is None else epochs * updates_per_epoch, *others)
    return min(limit for limit in limits if limit)


def warn_of_jump(before: Leg | None, now: Schedule, step: int) -> str:
    """The note for a learning rate that had begun to fall, and goes up again in a resumed run. Empty if it does not.

    Args:
        before: the leg of the schedule until now; None: unknown.
        step: the update that the run goes on with.
    """
    if before is None or before == now.leg or step == 0 or before.fraction(step) <= WARMUP_SHARE:
        return ""
    last, following = now.learning_rate * now.decay(before.fraction(step - 1)), now.learning_rate_at(step)
    if following <= last * (1 + 1e-6):
        return ""
    return (
        f"Note: the learning rate jumps from {last:.2e} up to {following:.2e}: its schedule went to step "
        f"{before.end:,}, and it was laid anew over a longer run. Next time, begin with the whole length in view "
        f"(train_pretrain.py: --schedule-to N); then the run can be trained in parts without a jump."
    )


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
