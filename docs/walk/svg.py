"""A drawing as SVG text: boxes, words, arrows and matrices. It needs no library, and gives the same bytes each time."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

INK, QUIET, EDGE, BOX = "#22303c", "#59636e", "#b8c2cc", "#f1f4f7"
BLUE, ORANGE, GREEN, RED = "#cfe3f7", "#fde3c3", "#d5ecd0", "#f6d3d6"  # fills, for dark text
DARK = {BLUE: "#3b7dbd", ORANGE: "#c06c14", GREEN: "#3f8f46", RED: "#c2334d"}  # the same colours, for lines

_HEAD = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" \
role="img" aria-labelledby="title">
<title id="title">{title}</title>
<defs><marker id="end" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">\
<path d="M0 0L8 4L0 8z" fill="#6b7a88"/></marker></defs>
<style>
text {{ font: 15px system-ui, "Segoe UI", Helvetica, Arial, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", \
sans-serif; fill: #22303c; }}
.quiet {{ font-size: 13px; fill: #59636e; }}
.shape {{ font: 13px ui-monospace, Menlo, Consolas, monospace; }}
.strong {{ font-weight: bold; }}
.flow {{ fill: none; stroke: #6b7a88; stroke-width: 1.5; }}
</style>
<rect width="{width}" height="{height}" rx="8" fill="#fff"/>
"""


class Drawing:
    """A white page, so that it can be read on a dark one, too. Lengths are pixels; y grows downwards."""

    def __init__(self, width: int, height: int, title: str):
        self._lines = [_HEAD.format(width=width, height=height, title=escape(title))]

    def __str__(self) -> str:
        return "".join(self._lines) + "</svg>\n"

    def _add(self, line: str) -> None:
        self._lines.append(line + "\n")

    def text(self, x: float, y: float, words: str, kind: str = "", anchor: str = "middle") -> None:
        """Words whose middle is at height ``y``. Kinds: "", "quiet", "shape", "strong"."""
        of_kind = f' class="{kind}"' if kind else ""
        self._add(f'<text{of_kind} x="{x:g}" y="{y + 5:g}" text-anchor="{anchor}">{escape(words)}</text>')

    def box(
        self, x: float, y: float, width: float, height: float, words: str = "", fill: str = BOX, kind: str = "",
        below: str = "",
    ) -> None:  # fmt: skip
        """A rectangle with words in its middle, and perhaps a quiet line below them."""
        self._add(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="5" fill="{fill}" '
            f'stroke="{DARK.get(fill, EDGE)}"/>'
        )
        middle = x + width / 2, y + height / 2
        if words:
            self.text(middle[0], middle[1] - (9 if below else 0), words, kind)
        if below:
            self.text(middle[0], middle[1] + 10, below, "quiet")

    def arrow(self, *points: tuple[float, float], color: str = "#6b7a88") -> None:
        """A line through points, with its head at the last one."""
        line = " ".join(f"{x:g},{y:g}" for x, y in points)
        self._add(f'<polyline class="flow" style="stroke: {color}" marker-end="url(#end)" points="{line}"/>')

    def line(self, *points: tuple[float, float], color: str = "#6b7a88", dashed: bool = False) -> None:
        """A line through points."""
        line = " ".join(f"{x:g},{y:g}" for x, y in points)
        dashes = '; stroke-dasharray: 4 4"' if dashed else '"'
        self._add(f'<polyline class="flow" style="stroke: {color}{dashes} points="{line}"/>')

    def matrix(self, x: float, y: float, cell: float, shades: Sequence[Sequence[float]], color: str) -> None:
        """A grid of cells, each filled with the colour at its shade from 0 to 1."""
        for row, values in enumerate(shades):
            for column, shade in enumerate(values):
                self._add(
                    f'<rect x="{x + column * cell:g}" y="{y + row * cell:g}" width="{cell:g}" height="{cell:g}" '
                    f'fill="{color}" fill-opacity="{shade:.2f}" stroke="{EDGE}"/>'
                )
