"""A picture of the scores on each task, after each task."""

from collections.abc import Mapping, Sequence

import numpy as np

from bert.files.terminal import printable

INK, PALE = "#22303c", "#6b7a88"
LONGEST_NAME = 16


def draw_scores(matrices: Mapping[str, np.ndarray], tasks: Sequence[str], captions: Mapping[str, str], file) -> None:
    """Draws matrices of scores side by side, as a PNG. A row is a task learned, a column a task measured.

    Args:
        matrices: by their titles, (tasks, tasks) from 0 to 1 (see ``matrix.py``); NaN is left white.
        captions: by the same titles, what stands beneath.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = [_shown(task) for task in tasks]
    side = max(3.2, 0.95 * len(tasks))
    figure = Figure(figsize=((side + 1.6) * len(matrices), side + 2.2), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (title, scores) in zip(np.atleast_1d(figure.subplots(1, len(matrices))), matrices.items()):
        axes.imshow(np.ma.masked_invalid(scores), vmin=0, vmax=1, cmap="Blues")
        for (row, column), score in np.ndenumerate(scores):
            if not np.isnan(score):
                color = "white" if score > 0.6 else INK
                axes.text(column, row, f"{100 * score:.1f}", ha="center", va="center", size=12, color=color)
        axes.set_xticks(range(len(names)), names, rotation=30, ha="right", rotation_mode="anchor", parse_math=False)
        axes.set_yticks(range(len(names)), [f"after {name}" for name in names], parse_math=False)
        axes.set_title(f"{title}, accuracy in %", loc="left", size=13, color=INK, pad=10)
        axes.set_xlabel(captions[title], size=11, color=INK, labelpad=12)
        axes.tick_params(length=0, labelsize=11, colors=PALE)
        axes.spines[:].set_visible(False)
        axes.set_xticks(np.arange(1, len(names)) - 0.5, minor=True)
        axes.set_yticks(np.arange(1, len(names)) - 0.5, minor=True)
        axes.grid(which="minor", color="white", linewidth=2)
        axes.tick_params(which="minor", length=0)
    figure.savefig(file, format="png", dpi=100)


def _shown(task: str) -> str:
    """A task's name in characters that the picture's font has, not too long."""
    name = printable(task).encode("ascii", "backslashreplace").decode()
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 3]}..."
