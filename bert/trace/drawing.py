"""A trace as an SVG drawing: a box for each module, in the order of the data, with the tensors that it makes."""

from collections.abc import Sequence
from itertools import groupby

from bert.tasks.page import shown
from bert.trace.record import Step, Trace
from bert.trace.text import code_of, numbers_of, summary

WIDTH, MARGIN, LINE = 1160, 20, 38  # of the drawing; around a box; of a tensor
LONGEST = 128  # letters of an expression; its line has room for no more

_STYLE = """
svg { color-scheme: light dark; background: #fff; } text { font: 13px system-ui, sans-serif; fill: #1c2128; }
.head { font-weight: 600; font-size: 15px; } .name { font-weight: 600; } .quiet { fill: #59636e; }
.code { font: 12px ui-monospace, monospace; fill: #59636e; } .box { fill: #f6f8fa; stroke: #d1d9e0; }
.bar { fill: #0757ba; } .way { stroke: #59636e; stroke-width: 2; }
@media (prefers-color-scheme: dark) { svg { background: #0d1117; } text { fill: #e2e8ee; }
  .quiet, .code { fill: #9da7b1; } .box { fill: #171d25; stroke: #3d444d; } .bar { fill: #79b8ff; }
  .way { stroke: #9da7b1; } }
"""


def trace_drawing(trace: Trace, title: str, pieces: Sequence[tuple[str, int]]) -> str:
    """The drawing as a text.

    Args:
        pieces: (piece, id) of what the model read.
    """
    most = max((step.operations for step in trace.steps), default=0)
    read = shown(" ".join(piece for piece, _ in pieces), LONGEST)
    parts = [
        _text(MARGIN, 34, shown(title, LONGEST), "head"), _text(MARGIN, 56, shown(summary(trace), 200), "quiet"),
        _text(MARGIN, 82, read, "name"),
    ]  # fmt: skip
    y = 100
    for module, steps in groupby(trace.steps, key=lambda step: step.module):
        lines = list(steps)
        height = 34 + LINE * len(lines)
        parts.append(f'<path class="way" d="M{WIDTH / 2} {y - 10}v10"/>')
        parts.append(f'<rect class="box" x="{MARGIN}" y="{y}" width="{WIDTH - 2 * MARGIN}" height="{height}" rx="6"/>')
        parts.append(_text(2 * MARGIN, y + 24, shown(module or "the model"), "head"))
        for number, step in enumerate(lines):
            parts.append(_line(step, y + 50 + LINE * number, most))
        y += height + 10
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y + MARGIN}" width="{WIDTH}" role="img" '
        f'aria-label="{shown(title)}"><style>{_STYLE}</style>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _line(step: Step, y: float, most_operations: int) -> str:
    shape, mean, deviation, operations, memory = numbers_of(step)
    length = 120 * step.operations / max(most_operations, 1)
    return "".join((
        _text(2 * MARGIN, y, shown(step.output or step.name, 40), "name"),
        _text(300, y, shown(shape)),
        _text(440, y, f"mean {mean}, deviation {deviation}"),
        f'<rect class="bar" x="690" y="{y - 9}" width="{length:.1f}" height="9"/>',
        _text(820, y, f"{operations} operations" if step.operations else ""),
        _text(1010, y, memory if memory == "view" else f"{memory} bytes"),
        _text(2 * MARGIN, y + 16, shown(f"{step.where}  {code_of(step)}", LONGEST), "code"),
    ))  # fmt: skip


def _text(x: float, y: float, content: str, kind: str = "") -> str:
    """A line of text, which is escaped already."""
    named = f' class="{kind}"' if kind else ""
    return f'<text x="{x}" y="{y}"{named}>{content}</text>'
