"""Checks of the learning rate: every update of a short run, by hand."""

from types import ModuleType

from bert.exercises.checks.compare import require, require_equal

PEAK, WARMUP, END = 2.0, 4, 10


def check_every_update(module: ModuleType) -> None:
    steps = range(END)
    expected = [0.5, 1.0, 1.5, 2.0, 1.2, 1.0, 0.8, 0.6, 0.4, 0.2]
    up = expected[:WARMUP]
    down = expected[WARMUP:]
    found = [module.linear_schedule(step, PEAK, WARMUP, END) for step in steps]
    require_equal(found, expected, "the rate of an update, by step,", {
        "the first update has rate 0, so it is for nothing: the warm-up must count from step + 1":
            [PEAK * step / WARMUP for step in range(WARMUP)] + down,
        "the warm-up is an update too long: the first update after it has step == warmup_steps":
            [*up, PEAK * (WARMUP + 1) / WARMUP, *down[1:]],
        "the warm-up is an update too short": [0.5, 1.0, 1.5, PEAK * (1 - 3 / END), *down],
        "the decay begins at the peak; the line must span the whole run, as if there were no warm-up":
            up + [PEAK * (END - step) / (END - WARMUP) for step in range(WARMUP, END)],
        "the decay is an update early: it must be 1 - step / max_steps":
            up + [PEAK * (1 - (step + 1) / END) for step in range(WARMUP, END)],
        "there is no decay after the warm-up": up + [PEAK] * (END - WARMUP),
        "there is no warm-up": [PEAK * (1 - step / END) for step in steps],
        "warm-up and decay are multiplied": [rate * (1 - step / END) for step, rate in zip(range(WARMUP), up)] + down,
        "the rate is a share of the peak; multiply it by peak": [rate / PEAK for rate in expected],
        "the rate falls by the root of the step, as in Vaswani et al. 2017; BERT's falls on a line":
            up + [PEAK * (WARMUP / step) ** 0.5 for step in range(WARMUP, END)],
    })  # fmt: skip


def check_the_ends(module: ModuleType) -> None:
    rate = module.linear_schedule(END + 3, PEAK, WARMUP, END)
    require(rate >= 0, "after max_steps the rate is negative; it must stay 0")
    require_equal(rate, 0, "the rate after max_steps")
    require_equal(module.linear_schedule(END, PEAK, WARMUP, END), 0, "the rate at max_steps")
    require_equal(module.linear_schedule(0, PEAK, 0, END), PEAK, "without a warm-up, the rate of the first update")
