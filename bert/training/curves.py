"""A run's log as a picture: losses, accuracies and metrics by step, over what guessing gives."""

import math
from typing import Any

import numpy as np

from bert.files.terminal import printable

MOST_TASKS, LARGEST_DRAWN = 8, 1e30  # of a picture; no model has as many losses, nor as large ones
MOST_METRICS = 2  # of fine-tuning's validation set: the first selects the epoch
FEW_POINTS, MANY_POINTS = 30, 100  # fewer have markers; of more a running mean is drawn as well
COLORS, INK, PALE = {"training": "#3b7dbd", "held out": "#d9822b"}, "#22303c", "#6b7a88"
NAMES = {"masked_lm": "masked language model", "next_sentence": "next sentence", "next_token": "next token"}
BASELINES = {  # what precedes a guess's numbers in the log, and its words
    "unigram": "by frequency", "five_gram": "5-grams", "majority": "majority", "mean": "mean",
    "first_sentence": "first sentence", "first_sentences": "first sentences", "no_answer": "no answer",
    "context": "whole context", "tfidf": "tf-idf", "overlap": "words in common",
}  # fmt: skip

Log = list[dict[str, float]]  # the numbers of each line


def draw_curves(log: list[dict[str, Any]], file) -> None:
    """Draws a log as a PNG: a column for each task, training and held out together, and the learning rate below.

    What guessing gives is a dotted line, such as the majority's label (``BASELINES``). Each axis shows it, and spans
    enough that noise looks like noise. A dashed line is where sequences become longer.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter

    numbers: Log = [
        {key: value for key, value in line.items() if isinstance(value, int | float) and abs(value) < LARGEST_DRAWN}
        for line in log
    ]
    columns = _columns(numbers)
    rates = _points(numbers, "learning_rate")
    rows = [5, 5, 2] if rates[0] else [5, 5]  # their heights; a panel alone in its column takes two
    figure = Figure(figsize=(6 * max(1, len(columns)), 0.6 * sum(rows) + 1), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(len(rows), max(1, len(columns)), height_ratios=rows)
    panels, curves = [], {}
    for column, keys in enumerate(columns):
        for row, key in enumerate(keys):
            panels.append(figure.add_subplot(grid[:2, column] if len(keys) == 1 else grid[row, column]))
            curves |= _draw_panel(panels[-1], numbers, key)
    if rates[0]:
        panels.append(figure.add_subplot(grid[2, :]))
        panels[-1].plot(*rates, "o-" if len(rates[0]) < FEW_POINTS else "-", color=PALE, linewidth=1.5, markersize=4)
        panels[-1].set_ylim(bottom=0)
        panels[-1].locator_params("y", nbins=3)
        panels[-1].yaxis.set_major_formatter("{x:g}")
        panels[-1].set_title("learning rate", loc="left", size=12, color=INK)
    last = max((line["step"] for line in numbers if "step" in line), default=0) or 1
    for axes in panels:
        for step in _steps_of_new_length(numbers):
            axes.axvline(step, linestyle=(0, (5, 4)), color=PALE, linewidth=1)
        axes.set_xlim(-0.02 * last, 1.02 * last)
        axes.xaxis.set_major_formatter(EngFormatter(sep="") if last >= 10_000 else "{x:,.0f}")  # 20k, 1M
        axes.tick_params(labelsize=11, colors=PALE)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(PALE)
        axes.grid(alpha=0.25)
    if panels:
        panels[-1].set_xlabel("step", size=11, color=PALE)
        figure.legend(curves.values(), curves.keys(), loc="outside upper right", ncols=2, fontsize=12, frameon=False)
    figure.savefig(file, format="png", dpi=100)


def _columns(numbers: Log) -> list[list[str]]:
    """The keys of the panels: a column for each task, its loss above its accuracy; then fine-tuning's metrics."""
    keys = list(dict.fromkeys(key for line in numbers for key in line))
    baselines = ("heldout_", *(f"{name}_" for name in BASELINES))
    tasks = [key.removesuffix("_loss") for key in keys if key.endswith("_loss") and not key.startswith(baselines)]
    columns = [[key for key in (f"{task}_loss", f"{task}_accuracy") if key in keys] for task in tasks[:MOST_TASKS]]
    metrics = [key for key in keys if key.startswith("dev_")][:MOST_METRICS]
    return [*columns, metrics] if metrics else columns


def _draw_panel(axes: Any, numbers: Log, key: str) -> dict[str, Any]:
    """Draws a loss, an accuracy or a metric, and returns the curves by their names."""
    from matplotlib.ticker import PercentFormatter

    is_loss, is_metric = key.endswith("_loss"), key.startswith("dev_")
    sources = {"held out": key} if is_metric else {"training": key, "held out": f"heldout_{key}"}
    curves, values = {}, []
    for name, source in sources.items():
        steps, found = _points(numbers, source)
        if steps:
            style = {"color": COLORS[name], "markersize": 4, "linewidth": 1.8}
            if len(steps) > MANY_POINTS:
                axes.plot(steps, found, color=COLORS[name], alpha=0.3, linewidth=1)
                found = _running_mean(found)
            curves[name] = axes.plot(steps, found, "o-" if len(steps) < FEW_POINTS else "-", **style)[0]
            values += list(found)
    baselines = {
        name: _points(numbers, f"{prefix}_{key.removeprefix('dev_')}")[1] for prefix, name in BASELINES.items()
    }
    guesses = {name: found[0] for name, found in baselines.items() if found}
    shown = [*values, *guesses.values()]
    low, high = loss_range(shown) if is_loss else metric_range(shown)
    axes.set_ylim(low, high)
    percent = not is_loss and max(map(abs, shown)) <= 1
    for name, guess in guesses.items():
        axes.axhline(guess, linestyle=":", color=INK, linewidth=1.5)
        below = bool(values) and values[-1] > guess > low + (high - low) / 10  # away from the curve, if there is room
        axes.annotate(
            f"{name} {guess:.1%}" if percent else f"{name} {guess:#.3g}", (0.99, guess), (0, -4 if below else 4),
            axes.get_yaxis_transform(), "offset points", ha="right", va="top" if below else "bottom", size=11,
            color=INK, bbox={"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 0.5},
        )  # fmt: skip
    if percent:
        axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.set_title(_title(key), loc="left", size=12, color=INK, parse_math=False)  # a foreign name may hold a formula
    return curves


def _title(key: str) -> str:
    """What a panel shows, in characters that the picture's font has."""
    if key.startswith("dev_"):
        name, measure = "validation", key.removeprefix("dev_")
    else:
        name, measure = key.rsplit("_", 1)
        name = NAMES.get(name, name)
    return printable(f"{name[:80]}: {measure[:80]}").encode("ascii", "backslashreplace").decode()


def _points(numbers: Log, key: str) -> tuple[list[float], list[float]]:
    """The steps and values of the lines that have the key."""
    lines = [line for line in numbers if {"step", key} <= line.keys()]
    return [line["step"] for line in lines], [line[key] for line in lines]


def _running_mean(values: list[float]) -> np.ndarray:
    """Each value's mean with as many values before as after it: a fortieth of all, and fewer at the ends."""
    index = np.arange(len(values))
    half = np.minimum(np.minimum(index, index[::-1]), len(values) // 80)
    sums = np.cumsum([0.0, *values])
    return (sums[index + half + 1] - sums[index - half]) / (2 * half + 1)


def _steps_of_new_length(numbers: Log) -> list[float]:
    """The last steps before sequences became longer, or shorter."""
    steps, lengths = _points(numbers, "max_length")
    changes = zip(steps, lengths, lengths[1:])
    return [step for step, length, after in changes if length != after]


def loss_range(values: list[float]) -> tuple[float, float]:
    """The ends of a loss's axis: from 0, or if that leaves most of the panel empty, at least a third of the loss.

    >>> loss_range([0.0, 0.5, 1.0])
    (0.0, 1.1)
    >>> loss_range([11.5, 12.0])
    (7.6, 12.4)
    """
    low, high = min(values), max(values)
    bottom = 0.0 if 0 <= low < high / 3 else min(low, high - abs(high) / 3)
    margin = (high - bottom or 1.0) / 10
    return bottom - margin * (bottom != 0), high + margin


def metric_range(values: list[float]) -> tuple[float, float]:
    """The ends of a metric's axis: from 0, or below a negative value, to a round number above the largest.

    >>> metric_range([0.02, 0.3])
    (0.0, 0.4)
    """
    return 0.0 - _round_above(-min(values)), _round_above(max(values)) or 1.0


def _round_above(value: float) -> float:
    """A number of one digit that is a little above a positive value; 1 for a fraction above 0.6; else 0."""
    if value <= 0:
        return 0.0
    if 0.6 < value <= 1:
        return 1.0
    unit = 10.0 ** math.floor(math.log10(value))
    return (math.floor(value / unit + 0.05) + 1) * unit
