"""A report as one HTML file, with its tables and pictures inside."""

import base64
import html
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from bert.tasks.metrics import Counts

LONGEST_NAME = 28  # letters of a label in a picture
WORST_SHOWN = 20  # mistakes in a table
MOST_NAMES = 100  # labels that a picture names; more names would overlap

_STYLE = """
body { font-family: system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; line-height: 1.4; }
table { border-collapse: collapse; } th, td { padding: 0.2rem 0.7rem; text-align: left; vertical-align: top; }
tr { border-bottom: 1px solid #ddd; } img { max-width: 100%; } pre { overflow-x: auto; }
"""


def page(title: str, sections: Iterable[tuple[str, str]]) -> str:
    """An HTML page of (heading, HTML) sections."""
    body = "".join(f"<h2>{html.escape(heading)}</h2>\n{content}\n" for heading, content in sections)
    title = html.escape(title)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head>\n<body><h1>{title}</h1>\n{body}</body></html>\n"
    )


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """An HTML table. Fractions have four digits; the very small ones have a power of ten."""

    def cell(value: Any, kind: str = "td") -> str:
        if isinstance(value, float):
            value = f"{value:.4f}" if value == 0 or abs(value) >= 1e-3 else f"{value:.3g}"
        return f"<{kind}>{html.escape(str(value))}</{kind}>"

    lines = ["".join(cell(name, "th") for name in header)]
    lines += ["".join(map(cell, row)) for row in rows]
    return "<table>" + "".join(f"<tr>{line}</tr>\n" for line in lines) + "</table>"


def counts_table(of: str, counts: Mapping[str, Counts]) -> str:
    """A table of precision, recall and F1.

    Args:
        of: the heading of the names.
    """
    rows = ([name, each.precision, each.recall, each.f1, each.true, each.predicted] for name, each in counts.items())
    return table([of, "precision", "recall", "F1", "true", "predicted"], rows)


def preformatted(text: str) -> str:
    """Text as it is, in letters of one width."""
    return f"<pre>{html.escape(text)}</pre>"


def picture(content: bytes, description: str) -> str:
    """A PNG inside the page."""
    encoded = base64.b64encode(content).decode("ascii")
    return f'<img alt="{html.escape(description)}" src="data:image/png;base64,{encoded}">'


def draw_confusion_matrix(matrix: np.ndarray, labels: Sequence[str]) -> bytes:
    """A confusion matrix as a PNG: a row for each true label, shaded by the share of each predicted label."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    size = 3 + 0.5 * min(len(labels), 40)
    figure = Figure(figsize=(size + 1, size), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    shown = [label if len(label) <= LONGEST_NAME else f"{label[: LONGEST_NAME - 1]}…" for label in labels]
    names = [name.replace("$", r"\$") for name in shown]  # a $ would begin a formula
    if len(labels) <= MOST_NAMES:
        axes.set_xticks(range(len(labels)), names, rotation=45, ha="right")
        axes.set_yticks(range(len(labels)), names)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    if len(labels) <= 20:
        for (row, column), count in np.ndenumerate(matrix):
            color = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, f"{count:,}", ha="center", va="center", color=color)
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=100)
    return content.getvalue()
