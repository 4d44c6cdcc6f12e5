"""A run's log as a picture."""

from typing import Any

from bert.files.terminal import printable

MOST_TASKS, LARGEST_DRAWN = 8, 1e30  # of a picture; no model has as many losses, nor as large ones


def draw_curves(log: list[dict[str, Any]], file) -> None:
    """Draws a log as a PNG: a panel for each loss and accuracy, training and held-out together."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = {"masked_lm": "masked language model", "next_sentence": "next sentence"}
    prefixes = ("heldout_", "unigram_")
    drawn: list[dict[str, Any]] = [
        {key: value for key, value in line.items() if isinstance(value, int | float) and abs(value) < LARGEST_DRAWN}
        for line in log
    ]
    losses = [key for line in drawn for key in line if key.endswith("_loss") and not key.startswith(prefixes)]
    tasks = [key.removesuffix("_loss") for key in dict.fromkeys(losses)][:MOST_TASKS]
    panels = [
        f"{task}_{measure}"
        for task in tasks
        for measure in ("loss", "accuracy")
        if any(f"{task}_{measure}" in line for line in drawn)
    ]
    figure = Figure(figsize=(6 * max(1, len(tasks)), 7), layout="constrained")
    FigureCanvasAgg(figure)
    for panel in panels:
        task, measure = panel.rsplit("_", 1)
        axes = figure.add_subplot(2, len(tasks), 1 + tasks.index(task) + (measure == "accuracy") * len(tasks))
        for key, label, style in ((panel, "training", "-"), (f"heldout_{panel}", "held out", "o-")):
            points = [(line["step"], line[key]) for line in drawn if {"step", key} <= line.keys()]
            if points:
                axes.plot(*zip(*points), style, label=label, markersize=3)
        baseline = next((line[f"unigram_{panel}"] for line in drawn if f"unigram_{panel}" in line), None)
        if baseline is not None:
            axes.axhline(baseline, linestyle=":", color="gray", label="unigram baseline")
        title = printable(names.get(task, task))[:80].encode("ascii", "backslashreplace").decode()
        axes.set_title(title, parse_math=False)  # a foreign name may hold a formula
        axes.set_xlabel("step")
        axes.set_ylabel(measure)
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(file, format="png", dpi=100)
