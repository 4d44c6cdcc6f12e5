"""A report as one HTML file, with its tables and pictures inside."""

import base64
import html
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from bert.tasks.metrics import Counts

LONGEST_NAME = 28  # letters of a label in a picture
LONGEST_CELL = 1_000  # letters of a cell
MOST_ROWS = 200  # of a table
WORST_SHOWN = 20  # mistakes on the page
WIDE, TALL = "wide", "tall"  # shapes of sections
MOST_NAMES = 100  # labels that a picture names; more names would overlap
# Browsers show nothing for a control character. Here it has a picture. Tabs and ends of lines stay.
_VISIBLE = {code: chr(0x2400 + code) for code in range(32) if chr(code) not in "\t\n\r"}
_VISIBLE |= {127: "\u2421"} | dict.fromkeys(range(128, 160), "\ufffd")

# Pictures are dark on white, so they have a white frame on a dark screen. On paper the page is light.
_STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1c2128; --quiet: #59636e; --line: #d1d9e0; --card: #f6f8fa;
  --right: #1a7f37; --right-card: #d2f4db; --true: #0757ba; --true-card: #dcebff; --predicted: #9a4600;
  --predicted-card: #ffe5c7; --warning: #a40e26; }
@media screen and (prefers-color-scheme: dark) { :root { --paper: #0d1117; --ink: #e2e8ee; --quiet: #9da7b1;
  --line: #3d444d; --card: #171d25; --right: #56d374; --right-card: #123a1e; --true: #79b8ff; --true-card: #10325c;
  --predicted: #ffb066; --predicted-card: #4d2a06; --warning: #ff7b86; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 110rem; padding: 1rem clamp(1rem, 3vw, 3rem) 4rem; background: var(--paper);
  color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; overflow-wrap: anywhere; } h2 { font-size: 1.2rem; margin: 0 0 0.6rem; }
.verdict { font-size: 1.25rem; max-width: 60rem; overflow-wrap: anywhere; }
.warning { border-left: 0.3rem solid var(--warning); padding-left: 0.8rem; max-width: 60rem; overflow-wrap: anywhere; }
main { display: grid; grid-template-columns: minmax(0, 1fr); gap: 2rem 3rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; overflow-wrap: break-word; font-variant-numeric: tabular-nums; }
th, td { padding: 0.25rem 0.9rem 0.25rem 0; text-align: start; vertical-align: top; }
tr { border-bottom: 1px solid var(--line); }
img { display: block; max-width: 100%; height: auto; background: #fff; border-radius: 0.4rem; }
.mistakes { display: grid; grid-template-columns: minmax(0, 1fr); gap: 1rem; margin: 0; padding: 0; list-style: none; }
.mistakes > li { padding: 0.7rem 1rem; border: 1px solid var(--line); border-radius: 0.4rem; background: var(--card);
  overflow-wrap: anywhere; }
.facts { display: flex; flex-wrap: wrap; gap: 0 1.2rem; margin: 0 0 0.4rem; }
.facts div { display: flex; gap: 0.4rem; } .facts dt { color: var(--quiet); flex: none; } .facts dd { margin: 0; }
.facts .true, .facts .predicted { font-weight: 600; }
.true { color: var(--true); } .predicted { color: var(--predicted); } .right { color: var(--right); }
.texts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 16rem), 1fr)); gap: 0.4rem 1.5rem; }
.texts p { margin: 0; }
mark, mark.true, mark.predicted, mark.right { color: var(--ink); }
mark { background: none; border-bottom: 0.15rem solid var(--quiet); }
mark.true { background: var(--true-card); border-bottom: 0.2rem solid var(--true); }
mark.predicted { background: var(--predicted-card); border-bottom: 0.2rem dashed var(--predicted); }
mark.true.predicted { border-bottom: 0.2rem double var(--predicted); }
mark.right { background: var(--right-card); border-bottom: 0.2rem solid var(--right); }
.ranks th, .ranks td { padding: 0.25rem 0.6rem; text-align: center; vertical-align: bottom; }
.ranks th[scope="col"] { width: 8rem; }
.ranks th:first-child { padding-left: 0; text-align: start; white-space: nowrap; }
.ranks td { background: color-mix(in srgb, var(--true) calc(var(--share) * 1%), var(--paper)); }
.ranks td.sum { background: none; color: var(--quiet); }
.looks { margin-bottom: 1.5rem; }
.looks th { font-weight: normal; padding: 0 0.2rem; } .looks th[scope="col"] { writing-mode: vertical-rl; }
.looks td { min-width: 1.3rem; background: color-mix(in srgb, var(--true) calc(var(--share) * 1%), var(--paper)); }
.beside table { table-layout: fixed; width: 100%; min-width: 40rem; } .scored th:first-child { width: 6rem; }
.trace th { white-space: nowrap; } .trace td { white-space: nowrap; font-size: 0.9rem; }
.trace code { white-space: normal; display: inline-block; min-width: 22rem; }
.trace img { width: 8rem; min-height: 0.5rem; max-height: 3rem; image-rendering: pixelated; border-radius: 0; }
.share { background: linear-gradient(to right, var(--true-card) calc(var(--share) * 1%), transparent 0); }
small { margin: 0 0.2rem; font-weight: 600; }
:focus-visible { outline: 0.2rem solid var(--true); outline-offset: 0.2rem; }
@media (min-width: 70rem) { main, .mistakes { grid-template-columns: repeat(2, minmax(0, 1fr)); grid-auto-flow: dense; }
  .wide { grid-column: 1 / -1; } .tall { grid-row: span 2; } }
@media print { main, .mistakes { display: block; } section { margin-bottom: 1.5rem; } .scroll { overflow: visible; }
  body { max-width: none; padding: 0; font-size: 0.8rem; } .mistakes > li { margin-bottom: 0.6rem; }
  .mistakes > li, tr, img { break-inside: avoid; } h2 { break-after: avoid; } * { print-color-adjust: exact; } }
"""


class Section(NamedTuple):
    """A part of a page."""

    heading: str
    content: str  # HTML
    shape: str = ""  # on a wide screen: WIDE takes both columns, TALL two rows of one


def page(title: str, sections: Iterable[Section], verdict: str = "", warning: str | None = None) -> str:
    """An HTML page. It opens with the verdict, and with a warning if there is one.

    Args:
        verdict, warning: plain sentences.
    """
    opening = f'<p class="verdict">{shown(verdict)}</p>\n' if verdict else ""
    opening += f'<p class="warning" role="note">{shown(warning)}</p>\n' if warning else ""
    body = "".join(map(_section, sections))
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{shown(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>\n'
        f"<body><h1>{shown(title)}</h1>\n{opening}<main>\n{body}</main></body></html>\n"
    )


def _section(section: Section) -> str:
    opening = f'<section class="{section.shape}">' if section.shape else "<section>"
    return f"{opening}<h2>{shown(section.heading)}</h2>\n{section.content}</section>\n"


def shown(text: object, most: int = LONGEST_CELL) -> str:
    """A value as HTML that only shows it: no part of it is markup, and control characters can be seen."""
    words = str(text)
    return html.escape(f"{words[:most]}…" if len(words) > most else words).translate(_VISIBLE)


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """An HTML table. Fractions have four digits; the very small ones have a power of ten.

    It has the first 200 rows, and says how many are left out. A narrow screen scrolls it, also with the keyboard.
    """

    def cell(value: Any, kind: str = "td") -> str:
        if isinstance(value, float):
            value = f"{value:.4f}" if value == 0 or abs(value) >= 1e-3 else f"{value:.3g}"
        direction = ' dir="auto"' if isinstance(value, str) and not value.isascii() else ""
        return f"<{kind}{direction}>{shown(value)}</{kind}>"

    lines = ["".join(cell(name, "th") for name in header)] if any(header) else []
    rows = list(rows)
    lines += ["".join(map(cell, row)) for row in rows[:MOST_ROWS]]
    more = f"<p>And {len(rows) - MOST_ROWS:,} more rows.</p>" if len(rows) > MOST_ROWS else ""
    inside = "".join(f"<tr>{line}</tr>\n" for line in lines)
    return f'<div class="scroll" role="region" aria-label="table" tabindex="0"><table>{inside}</table></div>{more}'


def counts_table(of: str, counts: Mapping[str, Counts]) -> str:
    """A table of precision, recall and F1.

    Args:
        of: the heading of the names.
    """
    rows = ([name, each.precision, each.recall, each.f1, each.true, each.predicted] for name, each in counts.items())
    return table([of, "precision", "recall", "F1", "true", "predicted"], rows)


def picture(content: bytes, description: str) -> str:
    """A PNG inside the page."""
    encoded = base64.b64encode(content).decode("ascii")
    return f'<img alt="{html.escape(description)}" src="data:image/png;base64,{encoded}">'


def draw_confusion_matrix(matrix: np.ndarray, labels: Sequence[str]) -> bytes:
    """A confusion matrix as a PNG. Each true label has a row, shaded by the shares of the predicted labels."""
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
