"""The trials of a search as a picture: an axis for each flag, one for the score, and a line for each trial.

It is SVG in the page. Its colors are the page's, light or dark.
"""

import math
from collections.abc import Sequence

from bert.tasks.metrics import LOWER_IS_BETTER
from bert.tasks.page import shown
from finetuning.continuing_flags import flag
from finetuning.search_space import Choices, Range, Space, Value
from finetuning.search_trials import Trial

HEIGHT, TOP, BOTTOM = 320, 60, 290  # of the picture, and of an axis
APART = 190  # between two axes
LEFT, RIGHT = 70, 110  # beside the first and the last one
LONGEST_LABEL = 16  # letters beside an axis


def parallel_plot(trials: Sequence[Trial], space: Space, best: Trial | None) -> str:
    """The picture, as HTML. Trials without a score are left out.

    Args:
        best: its line is drawn on top, and so is the line of the usual settings.
    """
    scored = [trial for trial in trials if trial.value is not None]
    if not scored:
        return "<p>No trial has a score yet.</p>"
    scores = [trial.value for trial in scored if trial.value is not None]
    low, high = min(scores), max(scores)
    if scored[0].metric in LOWER_IS_BETTER:  # good scores are at the top
        low, high = high, low
    places = [_places(part, [trial.settings[part.name] for trial in scored]) for part in space]
    ends = {low: 0.0, high: 1.0} if low != high else {low: 0.5}
    labels = [*places, {f"{value:.4f}": place for value, place in ends.items()}]
    titles = [*(flag(part.name).removeprefix("--") for part in space), f"dev {scored[0].metric}"]
    at = [LEFT + APART * index for index in range(len(titles))]
    width = at[-1] + RIGHT

    def points(trial: Trial, value: float) -> str:
        score = 0.5 if low == high else (value - low) / (high - low)
        heights = [_place(part, trial.settings[part.name], each) for part, each in zip(space, places)] + [score]
        return " ".join(f"{x},{_y(height):.1f}" for x, height in zip(at, heights))

    style = "stroke:var(--line);stroke-width:2"
    parts = [f'<line x1="{x}" y1="{TOP}" x2="{x}" y2="{BOTTOM}" style="{style}"/>' for x in at]
    for trial in sorted(scored, key=lambda trial: (trial == best, trial.number == 0)):
        if trial.value is not None:
            style, words = _style(trial, best)
            title = shown(f"{trial.name} ({words}): {trial.value:.4f}")
            line = points(trial, trial.value)
            parts.append(f'<polyline points="{line}" style="{style}"><title>{title}</title></polyline>')
    parts += map(_labels, at, titles, labels)
    usual = "" if best is not None and best.number == 0 else ", the usual settings are orange"
    legend = f"The best trial is blue{usual}; a broken line was pruned."
    style = f"min-width:{width * 0.75:.0f}px;max-width:{width}px;width:100%;font:14px system-ui,sans-serif"
    return (
        f'<div class="scroll" role="region" aria-label="parallel plot" tabindex="0">'
        f'<svg viewBox="0 0 {width} {HEIGHT}" role="img" aria-label="a line for each trial" style="{style}">'
        f"{''.join(parts)}</svg></div>\n<p>{legend}</p>"
    )


def _style(trial: Trial, best: Trial | None) -> tuple[str, str]:
    """How a trial's line looks, and what the trial is."""
    if trial == best:
        return "fill:none;stroke:var(--true);stroke-width:4", "best"
    color, width, words = ("predicted", 4, "usual settings") if trial.number == 0 else ("quiet", 1.5, trial.state)
    broken = ";stroke-dasharray:6 5" if trial.state == "pruned" else ""
    return (
        f"fill:none;stroke:var(--{color});stroke-width:{width};stroke-opacity:{1 if width > 2 else 0.6}{broken}",
        words,
    )


def _places(part: Choices | Range, tried: Sequence[Value]) -> dict[str, float]:
    """The labels of an axis, each with its place from 0 to 1."""
    if isinstance(part, Choices):  # the usual settings may be another value
        values = list(dict.fromkeys([*part.values, *tried]))
        if not any(isinstance(value, str) for value in values):
            values.sort()
        return {_label(value): (index + 0.5) / len(values) for index, value in enumerate(values)}
    numbers = [part.low, part.high, *(value for value in tried if isinstance(value, int | float))]
    return {_label(min(numbers)): 0.0, _label(max(numbers)): 1.0}


def _place(part: Choices | Range, value: Value, places: dict[str, float]) -> float:
    """Where a value is on its axis."""
    if isinstance(part, Choices) or isinstance(value, str):
        return places[_label(value)]
    low, high = (float(label) for label in places)
    if part.log and low > 0:
        return (math.log(value) - math.log(low)) / (math.log(high) - math.log(low))
    return (value - low) / (high - low)


def _label(value: Value) -> str:
    return value if isinstance(value, str) else f"{value:.12g}"


def _y(place: float) -> float:
    return BOTTOM - place * (BOTTOM - TOP)


def _labels(x: float, title: str, places: dict[str, float]) -> str:
    """An axis's title above it and its labels beside it, legible on lines."""
    style = "fill:var(--ink);paint-order:stroke;stroke:var(--paper);stroke-width:4px"
    labels = "".join(
        f'<text x="{x + 7}" y="{_y(place) - 6:.1f}" style="{style}">{shown(label, LONGEST_LABEL)}</text>'
        for label, place in places.items()
    )
    return f'<text x="{x}" y="{TOP - 30}" text-anchor="middle" style="{style}">{shown(title)}</text>{labels}'
