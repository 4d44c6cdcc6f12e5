"""How long a run is, and the learning rate over it: up in a straight line, down in a straight line."""


def steps_of_run(max_steps: int | None, epochs: int | None, updates_per_epoch: int) -> int:
    """How many updates a run has: the sooner of its two limits, one of which may be None.

    Raises:
        ValueError: where there is no limit.
    """
    return min(limit for limit in (max_steps, None if epochs is None else epochs * updates_per_epoch) if limit)


def linear_schedule(step: int, peak: float, warmup_steps: int, max_steps: int) -> float:
    """The learning rate of update ``step`` (0 is the first).

    Linear warm-up over ``warmup_steps`` updates, and a linear decay that would reach 0 at ``max_steps``. As in
    google-research/bert ``optimization.py``, the decay is laid over the whole run and the warm-up replaces its
    beginning: just after the warm-up the rate steps down from ``peak`` to peak * (1 - warmup_steps / max_steps).

    One departure: there the first update has rate 0; here it has peak / warmup_steps, so that no update is for nothing.

    >>> [round(linear_schedule(step, peak=1.0, warmup_steps=2, max_steps=5), 1) for step in range(5)]
    [0.5, 1.0, 0.6, 0.4, 0.2]
    """
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    return peak * max(0.0, 1 - step / max_steps)
